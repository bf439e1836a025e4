import { type Finding, fail, ok, warn } from 'drover-hostd/check/finding';

/** The client certificate for the calls to hostd. */
export interface CertificateFacts {
  /** By name of the setting: why the file cannot be used. */
  unusable: Partial<Record<'cert' | 'key' | 'ca', string>>;
  certificate: {
    commonName: string;
    validFromMs: number;
    validToMs: number;
    clientAuth: boolean;
    issuedByCa: boolean;
    keyMatches: boolean;
  } | null;
  keyOpen: boolean;
}

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;

export function judgeCertificates({ unusable, certificate, keyOpen }: CertificateFacts, nowMs: number): Finding[] {
  const broken = Object.entries(unusable).map(([name, why]) =>
    fail(`tls.${name}`, why, `Let the group drover-plugin read it, as PEM (hostd.${name}).`),
  );
  const open = keyOpen ? [warn('tls.key', 'the key may be read by everybody', 'chmod 0640, group drover-plugin.')] : [];
  return [...broken, ...(certificate === null ? [] : judgeCertificate(certificate, nowMs)), ...open];
}

function judgeCertificate(certificate: NonNullable<CertificateFacts['certificate']>, nowMs: number): Finding[] {
  const { commonName, validFromMs, validToMs } = certificate;
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const wrong = [
    ...(validFromMs > nowMs ? [`not valid before ${day(validFromMs)}`] : []),
    ...(validToMs <= nowMs ? [`expired on ${day(validToMs)}`] : []),
    ...(certificate.clientAuth ? [] : ['not for clients (extendedKeyUsage without clientAuth)']),
    ...(certificate.issuedByCa ? [] : ['not issued by hostd.ca']),
    ...(certificate.keyMatches ? [] : ['hostd.key is not its key']),
  ];
  if (wrong.length > 0) {
    return wrong.map((why) => fail('tls.cert', why, 'Issue it anew by the CA that the hostds know, for clients.'));
  }
  const days = Math.floor((validToMs - nowMs) / DAY_MS);
  return days < SOON_DAYS
    ? [warn('tls.cert', `expires in ${days} days, on ${day(validToMs)}`, 'Issue a new one and restart the plugin.')]
    : [ok('tls.cert', `${commonName}, until ${day(validToMs)}`)];
}
