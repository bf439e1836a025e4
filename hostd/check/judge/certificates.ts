import { type Finding, fail, ok, warn } from '../finding.ts';

export interface CertificateFacts {
  /** By name of the setting: why the file cannot be used. */
  unusable: Partial<Record<'cert' | 'key' | 'ca', string>>;
  /** Null where it cannot be read. */
  certificate: {
    validFromMs: number;
    validToMs: number;
    /** Of the extension subjectAltName, empty if there is none. */
    names: string;
    /** Null where hostd listens at all addresses. */
    coversListen: boolean | null;
    serverAuth: boolean;
    issuedByCa: boolean;
  } | null;
  /** Null where one of the two cannot be read. */
  keyMatches: boolean | null;
  /** Others than owner and group may read the key. */
  keyOpen: boolean;
  /** The first end among the certificates of the CA file. */
  caValidToMs: number | null;
}

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;

export function judgeCertificates(
  facts: CertificateFacts,
  files: Record<'cert' | 'key' | 'ca', string>,
  nowMs: number,
  listen: string,
): Finding[] {
  const { unusable, certificate } = facts;
  const broken = (['cert', 'key', 'ca'] as const).flatMap((name) => {
    const why = unusable[name];
    return why === undefined
      ? []
      : [fail(`tls.${name}`, `${files[name]}: ${why}`, `Let hostd's user read it, as PEM (tls.${name}).`)];
  });
  return [
    ...broken,
    ...(certificate === null
      ? []
      : [
          judgeTimes('tls.cert', certificate.validFromMs, certificate.validToMs, nowMs),
          judgeName(certificate, listen),
          ...judgeUse(certificate, files),
        ]),
    ...judgeKey(facts, files),
    ...(facts.caValidToMs === null ? [] : [judgeTimes('tls.ca', 0, facts.caValidToMs, nowMs)]),
  ];
}

function judgeTimes(check: string, validFromMs: number, validToMs: number, nowMs: number): Finding {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const days = Math.floor((validToMs - nowMs) / DAY_MS);
  if (validFromMs > nowMs) {
    return fail(check, `not valid before ${day(validFromMs)}`, "Set the host's clock, or issue it anew.");
  }
  if (validToMs <= nowMs) {
    return fail(check, `expired on ${day(validToMs)}`, 'Issue a new one; hostd takes it up without a restart.');
  }
  if (days < SOON_DAYS) {
    return warn(
      check,
      `expires in ${days} days, on ${day(validToMs)}`,
      'Issue a new one; hostd takes it up without a restart.',
    );
  }
  return ok(check, `valid until ${day(validToMs)}`);
}

function judgeName({ coversListen, names }: NonNullable<CertificateFacts['certificate']>, listen: string): Finding {
  if (coversListen === true) return ok('tls.name', `the certificate is for ${listen}`);
  if (names === '') {
    return fail(
      'tls.name',
      'the certificate has no subjectAltName: no client accepts it',
      `Issue one for IP:${listen}.`,
    );
  }
  if (coversListen === null) {
    return warn(
      'tls.name',
      `hostd listens at all addresses; the certificate is for ${names}`,
      "Let the plugin's URL use one of these.",
    );
  }
  // The plugin may call by a name instead of the address.
  const byName = /\bDNS:/.test(names);
  const todo = `Issue one for IP:${listen}${byName ? ", or let the plugin's URL use one of these names" : ''}.`;
  const found = `the certificate is for ${names}, not for ${listen}`;
  return byName ? warn('tls.name', found, todo) : fail('tls.name', found, todo);
}

function judgeUse(
  { serverAuth, issuedByCa }: NonNullable<CertificateFacts['certificate']>,
  files: { ca: string },
): Finding[] {
  const findings: Finding[] = [];
  if (!serverAuth) {
    findings.push(
      fail('tls.use', 'the certificate may not be used by a server', 'Issue one with extendedKeyUsage serverAuth.'),
    );
  }
  if (!issuedByCa) {
    findings.push(
      warn(
        'tls.issuer',
        `the certificate was not issued by a CA in ${files.ca}`,
        'Clients that know this CA alone refuse it: issue it by the same CA, or give them the other one too.',
      ),
    );
  }
  return findings;
}

function judgeKey({ keyMatches, keyOpen }: CertificateFacts, { cert, key }: { cert: string; key: string }): Finding[] {
  if (keyMatches === null) return [];
  if (!keyMatches) return [fail('tls.key', `${key} is not the key of ${cert}`, 'Set tls.key and tls.cert to a pair.')];
  if (keyOpen) return [warn('tls.key', `everybody may read ${key}`, `chmod o= ${key}`)];
  return [ok('tls.key', 'is the key of the certificate')];
}
