import { type Finding, fail, ok, warn } from 'drover-hostd/check/finding';

/** The certificate that clients and other replicas are shown. */
export interface ServedFacts {
  /** Why its files cannot be used. */
  unusable: { name: 'cert' | 'key'; why: string }[];
  certificate: {
    validFromMs: number;
    validToMs: number;
    serverAuth: boolean;
    keyMatches: boolean;
    /** It is for the host of `replica.advertise`; null: nothing to compare with. */
    forAdvertised: boolean | null;
    /** By `replica.ca`; null: that is not set. */
    issuedByCa: boolean | null;
  } | null;
}

const DAY_MS = 86_400_000;
const SOON_DAYS = 30;

/**
 * Where clients, and with several replicas the others, reach this one. `served`: null without `listen.tls`; `advertised`:
 * null without replicas.
 */
export function judgeServed(served: ServedFacts | null, advertised: string | null, nowMs: number): Finding[] {
  const secure = advertised?.startsWith('https:') === true;
  if (served === null) {
    if (!secure) return [];
    const todo = 'Set listen.tls, or advertise http: what listens here speaks no TLS.';
    return [fail('replica.advertise', `${advertised} is https, and listen.tls is not set`, todo)];
  }
  const mismatch =
    advertised !== null && !secure
      ? [fail('replica.advertise', `${advertised} is http, and listen.tls is set`, 'Advertise https.')]
      : [];
  const broken = served.unusable.map(({ name, why }) =>
    fail('listen.tls', `${name}: ${why}`, 'Let the group drover-plugin read it, as PEM.'),
  );
  return [...mismatch, ...broken, ...(served.certificate === null ? [] : judgeOne(served.certificate, nowMs))];
}

function judgeOne(certificate: NonNullable<ServedFacts['certificate']>, nowMs: number): Finding[] {
  const { validFromMs, validToMs, serverAuth, keyMatches, forAdvertised, issuedByCa } = certificate;
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const wrong = [
    ...(validFromMs > nowMs ? [`not valid before ${day(validFromMs)}`] : []),
    ...(validToMs <= nowMs ? [`expired on ${day(validToMs)}`] : []),
    ...(serverAuth ? [] : ['not for servers (extendedKeyUsage without serverAuth)']),
    ...(keyMatches ? [] : ['listen.tls.key is not its key']),
    ...(forAdvertised === false
      ? ['not for the host of replica.advertise: the others will not speak to this one']
      : []),
    ...(issuedByCa === false ? ['not issued by replica.ca: the others will not speak to this one'] : []),
  ];
  if (wrong.length > 0) return wrong.map((why) => fail('listen.tls', why, 'Issue it anew; it is read again then.'));
  const days = Math.floor((validToMs - nowMs) / DAY_MS);
  return days < SOON_DAYS
    ? [warn('listen.tls', `expires in ${days} days, on ${day(validToMs)}`, 'Issue a new one; it is read again then.')]
    : [ok('listen.tls', `until ${day(validToMs)}`)];
}

/** One of nova.others: why it does not answer, null: it does. */
export function judgeOther({ url, error }: { url: string; error: string | null }): Finding {
  if (error === null) return ok('nova.others', url);
  const todo = 'Requests go to the others meanwhile. Mend it, or take it off nova.others; nova.ca must know its CA.';
  return warn('nova.others', `${url}: ${error}`, todo);
}
