import { describe, expect, it } from 'vitest';
import { type CertificateFacts, judgeCertificates } from '../../../../plugin/check/judge/certificates.ts';
import {
  type DatabaseFacts,
  judgeDatabase,
  judgePassword,
  judgePlace,
  judgePolicy,
  type PlaceFacts,
} from '../../../../plugin/check/judge/local.ts';

const NOW_MS = Date.parse('2026-11-24T00:00:00Z');
const DAY_MS = 86_400_000;

describe('judgePassword', () => {
  it.each([
    [{}, 'ok'],
    [{ error: 'EACCES' }, 'fail'],
    [{ empty: true }, 'fail'],
    [{ open: true }, 'warn'],
  ])('%o is %s', (change, state) => {
    expect(judgePassword({ file: 'password', error: null, empty: false, open: false, ...change }).state).toBe(state);
  });
});

describe('judgeDatabase', () => {
  const good: DatabaseFacts = { name: 'drover.db', exists: true, error: null, freeBytes: 2 ** 33 };
  it.each<[Partial<DatabaseFacts>, string]>([
    [{}, 'ok'],
    [{ exists: false }, 'ok'],
    [{ freeBytes: null }, 'ok'],
    [{ error: 'attempt to write a readonly database' }, 'fail'],
    [{ freeBytes: 2 ** 27 }, 'warn'],
    [{ freeBytes: null, version: '10.11.14-MariaDB-0+deb12u2' }, 'ok'],
    [{ freeBytes: null, version: '11.4.2-MariaDB' }, 'ok'],
    [{ freeBytes: null, version: '10.5.29-MariaDB' }, 'fail'],
    [{ freeBytes: null, version: '8.4.0' }, 'fail'],
  ])('%o is %s', (change, state) => {
    expect(judgeDatabase({ ...good, ...change }).state).toBe(state);
  });
});

describe('judgePlace', () => {
  const good: PlaceFacts = {
    running: false,
    controlSocket: '/run/drover/control.sock',
    socketError: null,
    listen: '10.0.0.1:8775',
    listenError: null,
  };
  it.each<[Partial<PlaceFacts>, string[]]>([
    [{}, ['ok', 'ok']],
    [{ running: true }, ['ok']],
    [{ socketError: 'EACCES' }, ['fail', 'ok']],
    [{ listenError: 'listen EADDRINUSE' }, ['ok', 'fail']],
  ])('%o is %s', (change, states) => {
    expect(judgePlace({ ...good, ...change }).map(({ state }) => state)).toEqual(states);
  });

  it.each([
    ['listen EADDRINUSE: address already in use', 'ss -ltnp'],
    ['listen EADDRNOTAVAIL: address not available', 'ip address'],
    ['listen EACCES: permission denied', 'CAP_NET_BIND_SERVICE'],
  ])('says what to do about %s', (listenError, todo) => {
    expect(judgePlace({ ...good, listenError })[1]?.todo).toContain(todo);
  });
});

describe('judgePolicy', () => {
  it('is one line when good, and one for each error or warning', () => {
    expect(judgePolicy({ id: 'seed.yaml@1', errors: [], warnings: [] })).toMatchObject([
      { state: 'ok', found: 'seed.yaml@1' },
    ]);
    expect(judgePolicy({ id: null, errors: ['a:1:1', 'a:2:1'], warnings: [] }).map(({ state }) => state)).toEqual([
      'fail',
      'fail',
    ]);
    expect(judgePolicy({ id: 'seed.yaml@1', errors: [], warnings: ['seed.yaml:1:1: x'] })).toMatchObject([
      { state: 'ok' },
      { state: 'warn', found: 'seed.yaml:1:1: x' },
    ]);
  });
});

describe('judgeCertificates', () => {
  const certificate: NonNullable<CertificateFacts['certificate']> = {
    commonName: 'plugin',
    validFromMs: NOW_MS - DAY_MS,
    validToMs: NOW_MS + 365 * DAY_MS,
    clientAuth: true,
    issuedByCa: true,
    keyMatches: true,
  };
  const states = (change: Partial<typeof certificate>, rest: Partial<CertificateFacts> = {}) =>
    judgeCertificates(
      { unusable: {}, keyOpen: false, certificate: { ...certificate, ...change }, ...rest },
      NOW_MS,
    ).map(({ check, state }) => `${check} ${state}`);

  it.each<[string, Partial<typeof certificate>, string[]]>([
    ['a good one', {}, ['tls.cert ok']],
    ['one that is not valid yet', { validFromMs: NOW_MS + DAY_MS }, ['tls.cert fail']],
    ['one that has expired', { validToMs: NOW_MS }, ['tls.cert fail']],
    ['one that ends soon', { validToMs: NOW_MS + 29 * DAY_MS }, ['tls.cert warn']],
    ['one for servers', { clientAuth: false }, ['tls.cert fail']],
    ["another CA's, with another key", { issuedByCa: false, keyMatches: false }, ['tls.cert fail', 'tls.cert fail']],
  ])('%s', (_, change, expected) => {
    expect(states(change)).toEqual(expected);
  });

  it('names the file that cannot be read, and a key that anybody reads', () => {
    expect(states({}, { certificate: null, unusable: { ca: 'ENOENT' }, keyOpen: true })).toEqual([
      'tls.ca fail',
      'tls.key warn',
    ]);
  });
});
