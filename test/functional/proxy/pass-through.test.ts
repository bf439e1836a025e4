import { expect, test } from 'vitest';
import { backend, proxyBefore, rawBackend, rawExchange } from './rig.ts';

const ZERO_LENGTH_202 = [
  'HTTP/1.1 202 Accepted',
  'Content-Length: 0',
  'Content-Type: application/json',
  'OpenStack-API-Version: compute 2.93',
  'X-OpenStack-Nova-API-Version: 2.93',
  'Vary: OpenStack-API-Version',
  'Vary: X-OpenStack-Nova-API-Version',
  'x-openstack-request-id: req-1d7f1ad9-07a3-4c3e-8f24-2b4c5e1f7a10',
  'x-compute-request-id: req-1d7f1ad9-07a3-4c3e-8f24-2b4c5e1f7a10',
  'Connection: close',
  '',
  '',
].join('\r\n');

const ANSWERS: Record<string, string> = {
  'a zero-length 202 with both Vary lines': ZERO_LENGTH_202,
  'an unusual reason and header case':
    'HTTP/1.1 404 Nope Nothing\r\nx-ODD-Case: 1\r\nX-odd-case: 2\r\nContent-Length: 2\r\n\r\nno',
  'a chunked body':
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n',
  'a body that ends with the connection': 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end',
  'bytes above ASCII in a header': 'HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n',
  'no content': 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n',
  'a server error': 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nRetry-After: 3\r\n\r\nboom',
  'a redirect': 'HTTP/1.1 302 Found\r\nLocation: http://nova.example:8774/v2.1/\r\nContent-Length: 0\r\n\r\n',
};

test.each(Object.entries(ANSWERS))('%s reaches the client as it is', async (_name, bytes) => {
  const { port: direct } = await rawBackend(Buffer.from(bytes, 'latin1'));
  const { port } = await proxyBefore(direct);
  const request = 'GET /v2.1/servers HTTP/1.1\r\nHost: nova.example:8774\r\nConnection: close\r\n\r\n';
  const answer = await rawExchange(port, request);
  expect(answer.statusLine).not.toBe('');
  expect(answer).toEqual(await rawExchange(direct, request));
});

test('HEAD keeps the length of the body that is not there', async () => {
  const { port: direct } = await rawBackend('HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nX-A: 1\r\n\r\n');
  const { port } = await proxyBefore(direct);
  const answer = await rawExchange(port, 'HEAD /v2.1/servers HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
  expect(answer).toEqual({ statusLine: 'HTTP/1.1 200 OK', headers: ['Content-Length: 12345', 'X-A: 1'], body: '' });
});

test.each([
  '/v2.1//servers/%2e%2e/x%2Fy?limit=1&marker=%00&a=b&a=c',
  '/v2.1/servers/..;/action',
  '/v2.1/servers?name=%5Ea%24&changes-since=2026-11-22T11:32:49%2B00:00',
  '//v2.1/servers/./detail/',
])('the path %s goes on as it was written', async (path) => {
  const { port: direct, received } = await rawBackend('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  const { port } = await proxyBefore(direct);
  await rawExchange(port, Buffer.from(`GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`, 'latin1'));
  expect(Buffer.concat(received).toString('latin1').split('\r\n')[0]).toBe(`GET ${path} HTTP/1.1`);
});

test('request headers keep their order, case and repetition, and Host its value', async () => {
  const { port: direct, received } = await rawBackend('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  const { port } = await proxyBefore(direct);
  const fields = [
    'X-Auth-Token: t',
    'accept: application/json',
    'OpenStack-API-Version: compute 2.93',
    'X-OpenStack-Nova-API-Version: 2.93',
    'X-Twice: 1',
    'x-twice: 2',
    'X-OpenStack-Request-ID: req-1',
    'X-Empty: ',
  ];
  await rawExchange(
    port,
    `GET / HTTP/1.1\r\nHost: Nova.example:8774\r\n${fields.join('\r\n')}\r\nConnection: close\r\n\r\n`,
  );
  const lines = Buffer.concat(received).toString('latin1').split('\r\n\r\n')[0]?.split('\r\n').slice(1) ?? [];
  expect(lines).toEqual([
    'Host: Nova.example:8774',
    ...fields,
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Proto: http',
    'X-Forwarded-Host: Nova.example:8774',
  ]);
});

test('fields of the hop stay behind, and a client cannot have its token stripped', async () => {
  const { port: direct, received } = await rawBackend('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  const { port } = await proxyBefore(direct);
  await rawExchange(
    port,
    'GET / HTTP/1.1\r\nHost: h\r\nX-Auth-Token: t\r\nX-Hop: 1\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\n' +
      'Connection: close, X-Hop, X-Auth-Token, Upgrade\r\n\r\n',
  );
  const sent = Buffer.concat(received).toString('latin1');
  expect(sent).toContain('X-Auth-Token: t');
  expect(sent).not.toMatch(/x-hop|^te:|keep-alive: timeout|upgrade/im);
});

test.each([
  ['with a length', 'Content-Length: 11\r\n\r\nhello world', /content-length: 11/i],
  [
    'in chunks',
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n',
    /transfer-encoding: chunked/i,
  ],
])('a request body %s arrives with the same framing', async (_name, rest, framing) => {
  const seen: { headers: string; body: string }[] = [];
  const { port: direct } = await backend((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const headers = request.rawHeaders.map((part, i) => (i % 2 === 0 ? `${part}: ` : `${part}\n`)).join('');
      seen.push({ headers, body: Buffer.concat(chunks).toString() });
      response.end('ok');
    });
  });
  const { port } = await proxyBefore(direct);
  const answer = await rawExchange(port, `POST /v2.1/os-keypairs HTTP/1.1\r\nHost: h\r\nConnection: close\r\n${rest}`);
  expect(answer.body).toBe('ok');
  expect(seen).toHaveLength(1);
  expect(seen[0]?.body).toBe('hello world');
  expect(seen[0]?.headers).toMatch(framing);
});

test('Expect: 100-continue is answered, and the body arrives', async () => {
  const { port: direct } = await backend((request, response) => {
    request.on('data', (chunk) => response.write(chunk));
    request.on('end', () => response.end());
  });
  const { port } = await proxyBefore(direct);
  const answer = await rawExchange(
    port,
    'POST /v2.1/x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc',
  );
  expect(answer.statusLine).toBe('HTTP/1.1 200 OK');
  expect(answer.body).toBe('abc');
});

test.each([
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', '400'],
  [
    'both lengths',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    '400',
  ],
  [
    'an unknown coding',
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    '501',
  ],
])('%s is refused and never reaches Nova', async (_name, bytes, status) => {
  const { port: direct, received } = await rawBackend('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  const { port } = await proxyBefore(direct);
  const answer = await rawExchange(port, bytes);
  expect(answer.statusLine.split(' ')[1]).toBe(status);
  expect(received).toEqual([]);
});
