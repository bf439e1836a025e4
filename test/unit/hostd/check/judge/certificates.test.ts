import { describe, expect, it } from 'vitest';
import { type CertificateFacts, judgeCertificates } from '../../../../../hostd/check/judge/certificates.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse('2026-11-24T12:00:00Z');
const FILES = { cert: 'h.crt', key: 'h.key', ca: 'ca.crt' };
const CERTIFICATE: NonNullable<CertificateFacts['certificate']> = {
  validFromMs: NOW_MS - DAY_MS,
  validToMs: NOW_MS + 365 * DAY_MS,
  names: 'DNS:compute-1, IP Address:10.0.0.11',
  coversListen: true,
  serverAuth: true,
  issuedByCa: true,
};
const GOOD: CertificateFacts = {
  unusable: {},
  certificate: CERTIFICATE,
  keyMatches: true,
  keyOpen: false,
  caValidToMs: NOW_MS + 365 * DAY_MS,
};
const judge = (facts: CertificateFacts) => judgeCertificates(facts, FILES, NOW_MS, '10.0.0.11');

describe('judgeCertificates', () => {
  it('is content with a good set', () => {
    expect(judge(GOOD).map(({ check, state }) => `${check} ${state}`)).toEqual([
      'tls.cert ok',
      'tls.name ok',
      'tls.key ok',
      'tls.ca ok',
    ]);
  });

  it.each<[string, Partial<typeof CERTIFICATE>, string, 'ok' | 'warn' | 'fail', RegExp]>([
    ['ended a second ago', { validToMs: NOW_MS - 1000 }, 'tls.cert', 'fail', /expired on 2026-11-24/],
    ['ends in 29 days', { validToMs: NOW_MS + 29.5 * DAY_MS }, 'tls.cert', 'warn', /in 29 days/],
    ['ends in 30 days', { validToMs: NOW_MS + 30 * DAY_MS }, 'tls.cert', 'ok', /2026-12-24/],
    ['begins tomorrow', { validFromMs: NOW_MS + DAY_MS }, 'tls.cert', 'fail', /not valid before 2026-11-25/],
    [
      'is for another address',
      { coversListen: false, names: 'IP Address:10.0.0.12' },
      'tls.name',
      'fail',
      /10\.0\.0\.12/,
    ],
    ['is for a name only', { coversListen: false, names: 'DNS:compute-1' }, 'tls.name', 'warn', /DNS:compute-1/],
    ['is for nobody', { coversListen: false, names: '' }, 'tls.name', 'fail', /no subjectAltName/],
    ['hostd listens everywhere', { coversListen: null }, 'tls.name', 'warn', /all addresses/],
    ['is for clients', { serverAuth: false }, 'tls.use', 'fail', /may not be used by a server/],
    ['is of another CA', { issuedByCa: false }, 'tls.issuer', 'warn', /not issued by a CA in ca\.crt/],
  ])('a certificate that %s', (_, change, check, state, found) => {
    const finding = judge({ ...GOOD, certificate: { ...CERTIFICATE, ...change } }).find((each) => each.check === check);
    expect(finding?.state).toBe(state);
    expect(finding?.found).toMatch(found);
  });

  it('names the file that cannot be read, and does not judge what is not there', () => {
    const facts = { ...GOOD, unusable: { cert: 'EACCES' }, certificate: null, keyMatches: null };
    expect(judge(facts).map(({ check, state }) => `${check} ${state}`)).toEqual(['tls.cert fail', 'tls.ca ok']);
  });

  it('tells a key of another certificate from one that everybody may read', () => {
    const key = (facts: Partial<CertificateFacts>) =>
      judge({ ...GOOD, ...facts }).find(({ check }) => check === 'tls.key');
    expect(key({ keyMatches: false })).toMatchObject({ state: 'fail', found: 'h.key is not the key of h.crt' });
    expect(key({ keyOpen: true })).toMatchObject({ state: 'warn', todo: 'chmod o= h.key' });
  });

  it('sees the end of the CA too', () => {
    expect(judge({ ...GOOD, caValidToMs: NOW_MS + 3 * DAY_MS }).at(-1)).toMatchObject({
      check: 'tls.ca',
      state: 'warn',
    });
  });
});
