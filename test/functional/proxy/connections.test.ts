import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { backend, deadPort, proxyBefore, rawExchange, VM } from './rig.ts';

const MIB = 2 ** 20;

test('Nova down: 503 as an OpenStack fault, and a line in the log', async () => {
  const { port, logged } = await proxyBefore(await deadPort());
  const answer = await rawExchange(port, 'GET /v2.1/servers HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
  expect(answer.statusLine).toBe('HTTP/1.1 503 Service Unavailable');
  expect(JSON.parse(answer.body)).toEqual({ serviceUnavailable: { code: 503, message: expect.any(String) } });
  expect(logged).toContainEqual(
    expect.objectContaining({ code: 'upstream-unreachable', method: 'GET', path: '/v2.1/servers' }),
  );
});

test('Nova down: a POST whose body is still coming gets its 503', async () => {
  const { port } = await proxyBefore(await deadPort());
  const answer = await rawExchange(
    port,
    'POST /v2.1/servers HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{"server"',
  );
  expect(answer.statusLine).toBe('HTTP/1.1 503 Service Unavailable');
});

test('Nova that breaks off in the middle of a body: the client sees the break, not a shorter body', async () => {
  const { port: direct } = await backend((_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half');
    setTimeout(() => response.destroy(), 30);
  });
  const { port } = await proxyBefore(direct);
  const answer = await rawExchange(port, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n').catch(
    (error) => error,
  );
  if (answer instanceof Error) expect(answer.message).toMatch(/ECONNRESET/);
  else expect(answer).toMatchObject({ headers: expect.arrayContaining(['content-length: 100']), body: 'half' });
});

test('an answer before the end of the request reaches the client', async () => {
  const { port: direct } = await backend((_request, response) => {
    response.writeHead(413, { 'content-length': '3', connection: 'close' });
    response.end('big');
  });
  const { port } = await proxyBefore(direct);
  const answer = await rawExchange(
    port,
    'POST /v2.1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nsome of it',
  );
  expect(answer.statusLine).toBe('HTTP/1.1 413 Payload Too Large');
  expect(answer.body).toBe('big');
});

test('a slow client slows Nova down instead of filling memory', async () => {
  const total = 256 * MIB;
  let written = 0;
  const { port: direct } = await backend(async (_request, response) => {
    response.writeHead(200, { 'content-length': String(total) });
    const chunk = Buffer.alloc(MIB);
    await pipeline(async function* () {
      for (let i = 0; i < total / MIB; i += 1) {
        written += chunk.length;
        yield chunk;
      }
    }, response).catch(() => {});
  });
  const { port } = await proxyBefore(direct);
  const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n'));
  socket.pause();
  await expect.poll(() => written).toBeGreaterThan(0);
  let settled = -1;
  for (let i = 0; i < 50 && written !== settled; i += 1) {
    settled = written;
    await sleep(100);
  }
  // What the sockets' buffers on both ways take in; the rest waits at Nova.
  expect(written).toBeLessThan(64 * MIB);
  let read = 0;
  const reading = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      read += chunk.length;
      if (read >= total) resolve();
    });
  });
  socket.resume();
  await reading;
  expect(written).toBe(total);
  socket.destroy();
});

test('a slow Nova slows the client down', async () => {
  let taken = 0;
  const { port: direct } = await backend((request, response) => {
    request.pause();
    setTimeout(() => {
      request.on('data', (chunk) => {
        taken += chunk.length;
      });
      request.on('end', () => response.end(String(taken)));
      request.resume();
    }, 500);
  });
  const { port } = await proxyBefore(direct);
  const total = 128 * MIB;
  let sent = 0;
  const socket = connect(port, '127.0.0.1');
  socket.write(`POST /v2.1/images HTTP/1.1\r\nHost: h\r\nContent-Length: ${total}\r\nConnection: close\r\n\r\n`);
  const answer = new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () => resolve(text));
  });
  const chunk = Buffer.alloc(MIB);
  let sentWhilePaused = 0;
  setTimeout(() => {
    sentWhilePaused = sent;
  }, 400);
  while (sent < total) {
    sent += chunk.length;
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  expect((await answer).endsWith(String(total))).toBe(true);
  expect(sentWhilePaused).toBeLessThan(64 * MIB);
});

test.each(['before the answer', 'in the middle of it'])(
  'a client that goes away %s cancels the request to Nova',
  async (when) => {
    const arrived = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<boolean>();
    const { port: direct } = await backend((_request, response) => {
      if (when === 'in the middle of it') response.write('first');
      arrived.resolve();
      response.on('close', () => closed.resolve(response.writableFinished));
    });
    const { port } = await proxyBefore(direct, null, { clientHalfClosedMs: 100 });
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n'));
    if (when === 'in the middle of it') await new Promise((resolve) => socket.once('data', resolve));
    await arrived.promise;
    socket.destroy();
    expect(await closed.promise).toBe(false);
  },
);

test('connections are kept on both sides for what only reads, and not for what changes something', async () => {
  const upstreamPorts: Record<string, Set<number | undefined>> = { GET: new Set(), POST: new Set() };
  const { port: direct } = await backend((request, response) => {
    upstreamPorts[request.method ?? '']?.add(request.socket.remotePort);
    request.resume().on('end', () => response.end('ok'));
  });
  const { port } = await proxyBefore(direct);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const clientPorts = new Set<number | undefined>();
  for (let i = 0; i < 4; i += 1) {
    const body = await new Promise<string>((resolve, reject) => {
      get({ port, agent, host: '127.0.0.1', path: '/' }, (answer) => {
        clientPorts.add(answer.socket.localPort);
        let text = '';
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => resolve(text));
      }).on('error', reject);
    });
    expect(body).toBe('ok');
    await rawExchange(port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx');
  }
  agent.destroy();
  expect(clientPorts.size).toBe(1);
  expect(upstreamPorts.GET?.size).toBe(1);
  expect(upstreamPorts.POST?.size).toBe(4);
});

test('a kept connection that Nova closes at the wrong moment does not show', async () => {
  const served = new Map<unknown, number>();
  const { port: direct } = await backend((request, response) => {
    const count = (served.get(request.socket) ?? 0) + 1;
    served.set(request.socket, count);
    if (count > 1) request.socket.destroy();
    else response.end('ok');
  });
  const { port } = await proxyBefore(direct);
  for (let i = 0; i < 5; i += 1) {
    const answer = await rawExchange(port, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    expect(answer).toMatchObject({ statusLine: 'HTTP/1.1 200 OK', body: 'ok' });
  }
  expect([...served.values()].some((count) => count > 1)).toBe(true);
});

test('pipelined requests on one connection are answered in order', async () => {
  const { port: direct } = await backend(async (request, response) => {
    await sleep(request.url === '/1' ? 50 : 0);
    response.end(`answer ${request.url}`);
  });
  const { port } = await proxyBefore(direct);
  const text = await new Promise<string>((resolve) => {
    let seen = '';
    const socket = connect(port, '127.0.0.1', () =>
      socket.write('GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'),
    );
    socket.on('data', (chunk) => {
      seen += chunk;
    });
    socket.on('close', () => resolve(seen));
  });
  expect(text.indexOf('answer /1')).toBeGreaterThan(0);
  expect(text.indexOf('answer /2')).toBeGreaterThan(text.indexOf('answer /1'));
});

test('stop() lets a running request end', async () => {
  const arrived = Promise.withResolvers<void>();
  const { port: direct } = await backend(async (_request, response) => {
    arrived.resolve();
    await sleep(150);
    response.end('late');
  });
  const { port, proxy } = await proxyBefore(direct);
  const answer = rawExchange(port, 'GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  await arrived.promise;
  await proxy.stop(20_000);
  expect((await answer).body).toBe('late');
});

test.each([
  ['/v2.1/images', 'streams'],
  [`/v2.1/servers/${VM}/action`, 'is looked at'],
])('a client that goes away while its body to %s %s leaves a proxy that works', async (path) => {
  const asked: string[] = [];
  const cancelled = Promise.withResolvers<void>();
  const { port: direct } = await backend((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.on('error', () => cancelled.resolve());
    request.on('close', () => cancelled.resolve());
    request.resume().on('end', () => response.end('ok'));
  });
  const { port, logged } = await proxyBefore(direct, async () => {
    throw new Error('an unfinished body is nobody’s live migration');
  });
  const socket = connect(port, '127.0.0.1', () =>
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"os-migrateLive"`,
    ),
  );
  if (path === '/v2.1/images') await expect.poll(() => asked).toHaveLength(1);
  else await sleep(100);
  socket.destroy();
  if (path === '/v2.1/images') await cancelled.promise;
  await sleep(50);
  const answer = await rawExchange(port, 'GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
  expect(answer.body).toBe('ok');
  expect(asked).toEqual(path === '/v2.1/images' ? ['POST /v2.1/images', 'GET /next'] : ['GET /next']);
  expect(logged.filter((line) => line.level === 50)).toEqual([]);
});

test('thousands of header fields arrive, all of them', async () => {
  let count = 0;
  const { port: direct, server } = await backend((request, response) => {
    count = request.rawHeaders.filter((part) => part === 'X-N').length;
    response.end();
  });
  server.maxHeadersCount = 0;
  const { port } = await proxyBefore(direct);
  const fields = `${'X-N: 1\r\n'.repeat(1900) + 'X-M: 1\r\n'.repeat(200)}X-N: 2\r\n`;
  await rawExchange(port, `GET / HTTP/1.1\r\nHost: h\r\n${fields}Connection: close\r\n\r\n`);
  expect(count).toBe(1901);
});

test('100 clients at once each get their own answer', async () => {
  const { port: direct } = await backend(async (request, response) => {
    await sleep(20);
    response.end(`answer to ${request.url}`);
  });
  const { port } = await proxyBefore(direct);
  const bodies = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      rawExchange(port, `GET /${i} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`).then((answer) => answer.body),
    ),
  );
  expect(bodies).toEqual(bodies.map((_, i) => `answer to /${i}`));
});
