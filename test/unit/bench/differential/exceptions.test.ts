import { describe, expect, it } from 'vitest';
import type { Comparable } from '../../../bench/differential/compare.ts';
import { wholeCorpus } from '../../../bench/differential/corpus.ts';
import { EXCEPTIONS, unusedExceptions } from '../../../bench/differential/exceptions.ts';
import { toBytes } from '../../../bench/differential/request.ts';

const answer = (status: string, body = '', headers: string[] = []): Comparable => ({
  status: `HTTP/1.1 ${status}`,
  headers,
  body,
  interim: 0,
  end: 'whole',
});
const NOVA = answer('400 Bad Request', '{"badRequest": {"code": 400, "message": "x"}}', [
  'x-openstack-request-id: req-ID',
]);
const DROVER = answer('400 Bad Request', '{"badRequest":{"code":400,"message":"More than one Host header field."}}');
const SILENT: Comparable = { ...answer(''), status: '', end: 'silent' };
const LOST = answer(
  '502 Bad Gateway',
  '{"badGateway":{"code":502,"message":"The connection to the Compute API was lost."}}',
);

const corpus = wholeCorpus(1, 400);
const named = (name: string) => {
  const found = corpus.find((request) => request.name === name);
  if (!found) throw new Error(`no request is called ${name}`);
  return found;
};
const covering = (name: string, direct: Comparable, through: Comparable) =>
  EXCEPTIONS.filter((each) => each.covers(named(name), direct, through, ['status', 'headers', 'body'])).map(
    (each) => each.name,
  );

describe('the exceptions', () => {
  it('cover a refusal of Drover’s own, of the request it is meant for, in the words it is meant with', () => {
    expect(covering('two Hosts', NOVA, DROVER)).toEqual(['refused by Drover']);
    expect(covering('no Host', NOVA, DROVER)).toEqual([]);
    expect(covering('two Hosts', NOVA, { ...DROVER, headers: NOVA.headers })).toEqual([]);
    expect(covering('seed 1, 7', NOVA, DROVER)).toEqual([]);
  });

  it('cover the 502 only where Nova said nothing', () => {
    expect(covering('two Hosts', SILENT, LOST)).toEqual(['no answer']);
    expect(covering('two Hosts', NOVA, LOST)).toEqual([]);
  });

  it('that nothing fell under are told', () => {
    expect(unusedExceptions(new Map([['100-continue', 1]]))).toEqual(['refused by Drover', 'no answer']);
  });
});

describe('the requests', () => {
  it('have names of their own, and are the same for the same seed', () => {
    const names = corpus.map(({ source, name }) => `${source} ${name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(wholeCorpus(1, 400)).toEqual(corpus);
    expect(wholeCorpus(2, 400)).not.toEqual(corpus);
  });

  it('come from every source, recorded ones of both clients among them', () => {
    const sources = new Set(corpus.map(({ source }) => source));
    expect([...sources].sort()).toEqual(['horizon', 'hostile', 'malformed', 'migrate', 'random', 'recorded']);
    for (const client of ['openstack ', 'nova ']) {
      expect(
        corpus.filter(({ source, name }) => source === 'recorded' && name.startsWith(client)).length,
      ).toBeGreaterThan(10);
    }
  });

  it('hold no secret and no name that nothing stands for', () => {
    const known = ['HOST', 'TOKEN', 'MEMBER_TOKEN', 'STRANGER_TOKEN', 'GUEST', 'SUSPENDED', 'NOBODY', 'HERE', 'OTHER'];
    const values = Object.fromEntries([...known, 'PROJECT', 'USER', 'IMAGE'].map((name) => [name, 'x']));
    for (const request of corpus) {
      const text = toBytes(request, values).toString('latin1');
      expect(text).not.toMatch(/\{[A-Z_]+\}/);
      // Fernet tokens begin so.
      expect(text).not.toMatch(/gAAAAAB[\w-]{20}/);
    }
  });
});
