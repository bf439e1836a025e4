import { describe, expect, it } from 'vitest';
import { comparable, differences, masked } from '../../../bench/differential/compare.ts';
import { type Answer, parse } from '../../../bench/differential/exchange.ts';
import { type Request, toBytes } from '../../../bench/differential/request.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nDate: now\r\nX-A: 1\r\nX-Request: req-1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90\r\n';
const answer = (text: string, method = 'GET') => comparable(parse(text, method, true) as Answer);

describe('parse', () => {
  it.each([
    ['a length', `${HEAD}Content-Length: 3\r\n\r\nabcdef`, 'abc'],
    ['chunks', `${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n`, 'abc'],
    ['the end of the connection', `${HEAD}\r\nabc`, 'abc'],
  ])('reads a body framed by %s', (_, text, body) => {
    expect(parse(text, 'GET', true)).toMatchObject({ body, end: 'whole', interim: 0 });
  });

  it('waits for what is to come, and tells what did not come', () => {
    const short = `${HEAD}Content-Length: 9\r\n\r\nabc`;
    expect(parse(short, 'GET', false)).toBeNull();
    expect(parse(short, 'GET', true)).toMatchObject({ end: 'broken' });
    expect(parse(`${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`, 'GET', false)).toBeNull();
    expect(parse('HTTP/1.1 200', 'GET', false)).toBeNull();
  });

  it('counts interim answers, and looks for no body after HEAD', () => {
    expect(parse(`HTTP/1.1 100 Continue\r\n\r\n${HEAD}Content-Length: 9\r\n\r\n`, 'HEAD', false)).toMatchObject({
      interim: 1,
      body: '',
      end: 'whole',
    });
  });
});

describe('differences', () => {
  const base = `${HEAD}Content-Length: 3\r\n\r\nabc`;

  it('are none where only the time, the request id and the framing differ', () => {
    const other = base.replace('now', 'then').replace('req-1f', 'req-2f').replace('Date', 'Connection: close\r\nDate');
    expect(differences(answer(base), answer(other))).toEqual([]);
  });

  it.each([
    ['status', base.replace('200', '201')],
    ['headers', base.replace('X-A: 1', 'X-A: 2')],
    ['headers', base.replace('X-A: 1', 'x-a: 1')],
    ['headers', base.replace('X-A: 1\r\n', '')],
    ['headers', base.replace('X-A: 1\r\n', 'X-A: 1\r\nX-A: 1\r\n')],
    ['order', base.replace('X-A: 1\r\n', '').replace('Content', 'X-A: 1\r\nContent')],
    ['body', base.replace('abc', 'abd')],
    ['end', `HTTP/1.1 100 Continue\r\n\r\n${base}`],
  ])('tell of a %s', (what, other) => {
    expect(differences(answer(base), answer(other))).toEqual([what]);
  });

  it('of an answer that is never twice the same are told without its numbers', () => {
    const saying = (body: string) => answer(`${HEAD}\r\n${body}`);
    const [one, other] = [saying('{"up": 1.5}'), saying('{"up": 22}')];
    expect(differences(one, other)).toEqual(['body']);
    expect(differences(masked(one), masked(other))).toEqual([]);
    expect(differences(masked(one), masked(saying('{"in": 22}')))).toEqual(['body']);
  });
});

describe('toBytes', () => {
  const request: Request = {
    source: 'x',
    name: 'x',
    method: 'POST',
    target: '/v2.1//servers/{GUEST}',
    headers: [['X-tOKEN', '{TOKEN}']],
    body: '{"a": "{GUEST}"}',
  };
  const values = { GUEST: 'guest-1', TOKEN: 'secret' };

  it('fills in the values, then counts the length', () => {
    expect(toBytes(request, values).toString()).toBe(
      'POST /v2.1//servers/guest-1 HTTP/1.1\r\nX-tOKEN: secret\r\nContent-Length: 16\r\n\r\n{"a": "guest-1"}',
    );
  });

  it('sends in chunks what shall go so, and a length that is given as it is', () => {
    expect(toBytes({ ...request, chunked: true }, values).toString()).toContain(
      'Transfer-Encoding: chunked\r\n\r\n8\r\n{"a": "g\r\n8\r\nuest-1"}\r\n0\r\n\r\n',
    );
    const given = { ...request, headers: [['content-length', '+3']] as const };
    expect(toBytes(given, values).toString()).toMatch(/content-length: \+3\r\n\r\n/);
  });

  it('leaves bytes of a request that is none as they are', () => {
    expect(toBytes({ ...request, raw: 'G\xff {TOKEN}\n' }, values).toString('latin1')).toBe('G\xff secret\n');
  });
});
