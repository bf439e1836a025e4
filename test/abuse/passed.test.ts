import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { ADDED, OK, proxyBefore, recorder, talk, toEachHead } from './rig.ts';

/** What is unusual and yet right: the bytes that Nova must get. `+`: where the proxy's own lines stand. */
const PASSED: [name: string, sent: string, arrives: string][] = [
  ['order, case and repetition', 'GET / HTTP/1.1\r\nx-B: 1\r\nHost: h\r\nX-b: 2\r\nx-B:3\r\n', '='],
  ['white space around values', 'GET / HTTP/1.1\r\nHost:\t h \t\r\nX: \t a  b \r\nEmpty:\r\n', '='],
  ['bytes above ASCII in a value', 'GET / HTTP/1.1\r\nHost: h\r\nX: caf\xe9\r\n', '='],
  ['bytes above ASCII in the target', 'GET /v2.1/servers/\xff?name=gr\xc3\xb6\xc3\x9fe HTTP/1.1\r\nHost: h\r\n', '='],
  ['a path as it was written', 'GET //v2.1/%2e%2E/./x%2Fy/..;/%C3%A9?a=%00&a=%zz&;=? HTTP/1.1\r\nHost: h\r\n', '='],
  ['the absolute form for this host', 'GET http://H/v2.1 HTTP/1.1\r\nHost: h\r\n', '='],
  ['a star for OPTIONS', 'OPTIONS * HTTP/1.1\r\nHost: h\r\n', '=close'],
  ['a method nobody knows', 'FROBNICATE / HTTP/1.1\r\nHost: h\r\n', '=close'],
  ['empty lines before', '\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n', 'GET / HTTP/1.1\r\nHost: h\r\n+'],
  [
    'Connection that names the token, the host, the length',
    'GET / HTTP/1.1\r\nHost: h\r\nX-Auth-Token: t\r\nConnection: X-Auth-Token, Host, Content-Type\r\nContent-Type: a\r\n',
    'GET / HTTP/1.1\r\nHost: h\r\nX-Auth-Token: t\r\nContent-Type: a\r\n+',
  ],
  [
    'Connection that names the versions',
    'GET / HTTP/1.1\r\nHost: h\r\nOpenStack-API-Version: compute 2.1\r\nConnection: openstack-api-version\r\n',
    'GET / HTTP/1.1\r\nHost: h\r\nOpenStack-API-Version: compute 2.1\r\n+',
  ],
  [
    'fields of the hop',
    'GET / HTTP/1.1\r\nKeep-Alive: 5\r\nHost: h\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Connection: x\r\nX-Hop: 1\r\nConnection: X-Hop\r\nA: b\r\n',
    'GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n+',
  ],
  [
    'a Connection field with thousands of options',
    `GET / HTTP/1.1\r\nHost: h\r\nConnection: ${'a,'.repeat(20_000)}X-Hop\r\nX-Hop: 1\r\n`,
    'GET / HTTP/1.1\r\nHost: h\r\n+',
  ],
  ['a name with an underscore that nobody acts on', 'GET / HTTP/1.1\r\nHost: h\r\nX_Custom: 1\r\n', '='],
];

test.each(PASSED)('%s', async (_name, sent, arrives) => {
  const nova = await recorder(toEachHead(OK));
  const port = await proxyBefore(nova.port);
  const { text } = await talk(port, `${sent}\r\n`, 'ok');
  const added = ADDED.replace('h\r\n', /^Host:[ \t]*h/im.test(sent) ? 'h\r\n' : '\r\n');
  const expected = arrives.startsWith('=')
    ? `${sent}${added}${arrives === '=close' ? 'Connection: close\r\n' : ''}\r\n`
    : arrives.replace(/\+$/, `${added}\r\n`);
  expect(nova.received).toEqual([expected]);
  expect(text).toBe(OK);
});

test('what stands in X-Forwarded-For already is kept, in one line; Proto and Host of a trusted proxy stay', async () => {
  const nova = await recorder(toEachHead(OK));
  const port = await proxyBefore(nova.port);
  const head = 'GET / HTTP/1.1\r\nHost: h\r\n';
  const own =
    'X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nx-forwarded-for: 10.0.0.1\r\nX-Forwarded-Host: api\r\n';
  await talk(port, `${head}${own}\r\n`, 'ok');
  expect(nova.received).toEqual([
    `${head}X-Forwarded-Proto: https\r\nX-Forwarded-Host: api\r\nX-Forwarded-For: 192.0.2.7, 10.0.0.1, 127.0.0.1\r\n\r\n`,
  ]);
});

test('pipelined requests are taken apart at the right places, bodies and all', async () => {
  const nova = await recorder(toEachHead(OK));
  const port = await proxyBefore(nova.port);
  const requests = [
    'POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 22\r\n\r\nGET /not HTTP/1.1\r\n\r\n!',
    'GET /2 HTTP/1.1\r\nHost: h\r\n\r\n',
    'DELETE /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx',
    'GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
    'GET /5 HTTP/1.1\r\nHost: h\r\n\r\n',
  ];
  const { text } = await talk(port, requests.join(''));
  expect(text.split('HTTP/1.1 200 OK').length - 1).toBe(4);
  const targets = nova.received.flatMap((bytes) =>
    bytes.startsWith('GET') ? (bytes.match(/^GET \S+/gm) ?? []) : bytes.slice(0, bytes.indexOf(' HTTP')),
  );
  expect(targets.sort()).toEqual(['DELETE /3', 'GET /2', 'GET /4', 'POST /1']);
});

test('Expect: 100-continue goes to Nova, its 100 to the client, and only then the body', async () => {
  const head = 'POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n';
  const nova = await recorder((bytes, answered) => {
    if (answered === 0 && bytes.endsWith('\r\n\r\n')) return 'HTTP/1.1 100 Continue\r\nX-From: nova\r\n\r\n';
    return answered === 1 && bytes.endsWith('hello') ? OK : null;
  });
  const port = await proxyBefore(nova.port);
  const text = await new Promise<string>((resolve) => {
    let seen = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`${head}\r\n`));
    socket.on('data', (chunk) => {
      seen += chunk;
      if (seen.endsWith('nova\r\n\r\n')) socket.write('hello');
      if (seen.endsWith('ok')) socket.destroy();
    });
    socket.on('close', () => resolve(seen));
  });
  expect(text).toBe(`HTTP/1.1 100 Continue\r\nX-From: nova\r\n\r\n${OK}`);
  expect(nova.received).toEqual([`${head}${ADDED}Connection: close\r\n\r\nhello`]);
});

test('a refusal instead of 100 reaches the client, and the body that never comes ends the connection', async () => {
  const nova = await recorder(toEachHead('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n'));
  const port = await proxyBefore(nova.port);
  const head = 'POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n';
  const { text } = await talk(port, head);
  expect(text).toBe('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
});

test('a client that closes its half after the request gets its answer', async () => {
  const nova = await recorder((bytes) => (bytes.endsWith('\r\n\r\n') ? '' : null));
  const port = await proxyBefore(nova.port);
  const text = await new Promise<string>((resolve) => {
    let seen = '';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () =>
      socket.end('GET / HTTP/1.1\r\nHost: h\r\n\r\n'),
    );
    socket.on('data', (chunk) => {
      seen += chunk;
    });
    socket.on('close', () => resolve(seen));
    setTimeout(() => nova.sockets[0]?.write(OK), 100);
  });
  expect(text).toContain('200 OK');
});

test('HTTP/1.0 is spoken with Nova as with the client, and its connection ends unless it asks for more', async () => {
  const nova = await recorder(toEachHead(OK));
  const port = await proxyBefore(nova.port);
  expect((await talk(port, 'GET / HTTP/1.0\r\n\r\n')).text).toBe(
    OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
  );
  const kept = await talk(port, 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 'ok');
  expect(kept.text).toBe(OK.replace('\r\n\r\n', '\r\nConnection: keep-alive\r\n\r\n'));
  expect(nova.received[0]).toMatch(/^GET \/ HTTP\/1\.0\r\nX-Forwarded-For: 127\.0\.0\.1\r\n/);
});
