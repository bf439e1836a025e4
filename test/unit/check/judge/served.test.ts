import { describe, expect, it } from 'vitest';
import { judgeOther, judgeServed, type ServedFacts } from '../../../../plugin/check/judge/served.ts';

const NOW_MS = Date.parse('2026-11-24T00:00:00Z');
const DAY_MS = 86_400_000;
type Certificate = NonNullable<ServedFacts['certificate']>;

function served(change: Partial<Certificate> = {}): ServedFacts {
  const validity = { validFromMs: NOW_MS - DAY_MS, validToMs: NOW_MS + 90 * DAY_MS };
  const good = { ...validity, serverAuth: true, keyMatches: true, forAdvertised: true, issuedByCa: true };
  return { unusable: [], certificate: { ...good, ...change } };
}

const said = (facts: ServedFacts | null, advertised: string | null) =>
  judgeServed(facts, advertised, NOW_MS).map(({ check, state }) => `${check} ${state}`);

describe('judgeServed', () => {
  it.each<[string, ServedFacts | null, string | null, string[]]>([
    ['no TLS and no replicas', null, null, []],
    ['no TLS among replicas', null, 'http://10.0.0.1:8775', []],
    ['https advertised without TLS', null, 'https://10.0.0.1:8775', ['replica.advertise fail']],
    ['http advertised with TLS', served(), 'http://10.0.0.1:8775', ['replica.advertise fail', 'listen.tls ok']],
    ['TLS', served({ forAdvertised: null, issuedByCa: null }), null, ['listen.tls ok']],
    ['TLS among replicas', served(), 'https://10.0.0.1:8775', ['listen.tls ok']],
    [
      'files that cannot be read',
      { unusable: [{ name: 'key', why: 'EACCES' }], certificate: null },
      null,
      ['listen.tls fail'],
    ],
  ])('%s', (_, facts, advertised, findings) => {
    expect(said(facts, advertised)).toEqual(findings);
  });

  it.each<[Partial<Certificate>, string]>([
    [{ validFromMs: NOW_MS + DAY_MS }, 'listen.tls fail'],
    [{ validToMs: NOW_MS }, 'listen.tls fail'],
    [{ validToMs: NOW_MS + 10 * DAY_MS }, 'listen.tls warn'],
    [{ serverAuth: false }, 'listen.tls fail'],
    [{ keyMatches: false }, 'listen.tls fail'],
    [{ forAdvertised: false }, 'listen.tls fail'],
    [{ issuedByCa: false }, 'listen.tls fail'],
  ])('a certificate with %o: %s', (change, finding) => {
    expect(said(served(change), 'https://10.0.0.1:8775')).toEqual([finding]);
  });
});

it('another address of Nova that does not answer is worth a warning: requests go to the rest', () => {
  expect(judgeOther({ url: 'http://nova-2', error: null }).state).toBe('ok');
  expect(judgeOther({ url: 'http://nova-2', error: 'ECONNREFUSED' })).toMatchObject({ state: 'warn' });
});
