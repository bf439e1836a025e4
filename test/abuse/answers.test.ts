import { expect, test } from 'vitest';
import { OK, proxyBefore, recorder, statusOf, talk, toEachHead } from './rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n';

/** Answers that two readers may read in two ways: the client gets 502 and none of it. */
const NOT_PASSED: [name: string, answer: string][] = [
  ['both framings', `${LENGTH}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`],
  ['two lengths', `${LENGTH}Content-Length: 0\r\n\r\nhello`],
  ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello'],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello'],
  ['another coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ['chunked twice', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a bare LF in a value (a split answer)', `${LENGTH}X: a\nSet-Cookie: b\r\n\r\nhello`],
  ['a bare CR in a value', `${LENGTH}X: a\rSet-Cookie: b\r\n\r\nhello`],
  ['a NUL in a value', `${LENGTH}X: a\0b\r\n\r\nhello`],
  ['a folded value', `${LENGTH}X: a\r\n b\r\n\r\nhello`],
  ['a space before a colon', `${LENGTH}X : a\r\n\r\nhello`],
  ['a line without colon', `${LENGTH}X\r\n\r\nhello`],
  ['a status of two digits', 'HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status that is a word', 'HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n'],
  ['HTTP/2', 'HTTP/2 200\r\nContent-Length: 0\r\n\r\n'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['101 unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n'],
  ['a header too long', `${LENGTH}X: ${'a'.repeat(70_000)}\r\n\r\nhello`],
  ['too many fields', `${LENGTH}${'X: y\r\n'.repeat(5000)}\r\nhello`],
];

test.each(NOT_PASSED)('an answer with %s is not passed on', async (_name, answer) => {
  const nova = await recorder(toEachHead(answer));
  const port = await proxyBefore(nova.port);
  const { text } = await talk(port, GET, '"badGateway"');
  expect(statusOf(text)).toBe(502);
  expect(text).not.toMatch(/hello|Set-Cookie/);
});

/** What follows an answer on its connection belongs to nobody. */
test.each([
  ['a second answer', `${LENGTH}\r\nhello${OK}`, `${LENGTH}\r\nhello`],
  ['a body behind 204', 'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', 'HTTP/1.1 204 No Content\r\n\r\n'],
  [
    'a body behind 304',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
  ],
  [
    'bytes behind the last chunk',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
  ],
])('%s goes to no client, and the next request over another connection', async (_name, answer, passed) => {
  const nova = await recorder(toEachHead(answer));
  const port = await proxyBefore(nova.port);
  const { text } = await talk(port, GET + GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  expect(text).toBe(passed + passed.replace(/\r\n\r\n/, '\r\nConnection: close\r\n\r\n'));
  expect(nova.received).toHaveLength(2);
});

test('a body that HEAD must not have goes to no client', async () => {
  const nova = await recorder(toEachHead(`${LENGTH}\r\nhello`));
  const port = await proxyBefore(nova.port);
  const head = GET.replace('GET', 'HEAD');
  const { text } = await talk(port, head + head.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  expect(text).toBe(`${LENGTH}\r\n${LENGTH}Connection: close\r\n\r\n`);
});

test('bytes that come on a kept connection while nobody asked are not the next answer', async () => {
  const nova = await recorder(toEachHead(OK));
  const port = await proxyBefore(nova.port);
  await talk(port, GET, 'ok');
  const closed = new Promise((resolve) => nova.sockets[0]?.once('close', resolve));
  nova.sockets[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison');
  await closed;
  const { text } = await talk(port, GET, 'ok');
  expect(text).toBe(OK);
  expect(nova.received).toHaveLength(2);
});

test.each([
  ['before a byte of the answer', ''],
  ['in the middle of the header', 'HTTP/1.1 200 OK\r\nContent-Le'],
])('Nova that hangs up %s: 502', async (_name, answer) => {
  const nova = await recorder(toEachHead(answer));
  const port = await proxyBefore(nova.port);
  const asked = talk(port, GET, '"badGateway"');
  while (nova.received.length === 0 || nova.received[0] === '') await new Promise((resolve) => setTimeout(resolve, 5));
  nova.sockets[0]?.end();
  expect(statusOf((await asked).text)).toBe(502);
});

test.each([
  ['a length that is not reached', `${LENGTH}\r\nhel`],
  ['a chunk that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n'],
  ['chunks without an end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
])('%s: the client sees a break and no end', async (_name, answer) => {
  const nova = await recorder(toEachHead(answer));
  const port = await proxyBefore(nova.port);
  const asked = talk(port, GET);
  while (nova.received.length === 0 || nova.received[0] === '') await new Promise((resolve) => setTimeout(resolve, 5));
  nova.sockets[0]?.end();
  const { text } = await asked;
  expect(text).not.toMatch(/0\r\n\r\n$|hello$(?<!5\r\nhello)/);
  expect(answer.startsWith(text)).toBe(true);
});

test('hundreds of interim answers reach the client in order', async () => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';
  const nova = await recorder(toEachHead(hint.repeat(300) + OK));
  const port = await proxyBefore(nova.port);
  expect((await talk(port, GET, 'ok')).text).toBe(hint.repeat(300) + OK);
});

test('an early answer ends the connection, and the rest of the request is nobody’s next one', async () => {
  const nova = await recorder(toEachHead('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n'));
  const port = await proxyBefore(nova.port);
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n';
  const { text } = await talk(port, `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n${smuggled}`);
  expect(text).toBe('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  expect(nova.received).toHaveLength(1);
});

test('a POST is never sent twice, wherever Nova hangs up', async () => {
  const nova = await recorder(toEachHead(''));
  const port = await proxyBefore(nova.port);
  const asked = talk(port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx', '"badGateway"');
  while (nova.received.length === 0 || nova.received[0] === '') await new Promise((resolve) => setTimeout(resolve, 5));
  nova.sockets[0]?.resetAndDestroy();
  expect(statusOf((await asked).text)).toBe(502);
  expect(nova.received).toHaveLength(1);
});
