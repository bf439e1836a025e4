import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { ProxyServer } from '../../../plugin/proxy/server.ts';
import { DEFAULT_HEALTH, type UpstreamOptions } from '../../../plugin/proxy/upstream/upstreams.ts';
import { backend, deadPort, rawExchange } from './rig.ts';

const GET = 'GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
const POST = 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello';

/** A Nova that says its name to every request but probes. */
async function named(name: string, may = Promise.resolve()) {
  const asked: string[] = [];
  let probes = 0;
  const { port, server } = await backend(async (request, response) => {
    if (request.url === '/') {
      probes += 1;
      response.end();
      return;
    }
    asked.push(`${request.method}`);
    await may;
    request.resume().on('end', () => response.end(name));
  });
  return { port, server, asked, probes: () => probes };
}

async function proxyBefore(ports: number[], options: Partial<UpstreamOptions> = {}) {
  const logged: string[] = [];
  const proxy = new ProxyServer({
    listen: { address: '127.0.0.1', port: 0 },
    upstream: {
      urls: ports.map((port) => `http://127.0.0.1:${port}`),
      balance: 'round-robin',
      health: { ...DEFAULT_HEALTH, intervalMs: 50, timeoutMs: 10_000 },
      ...options,
    },
    onLiveMigrate: null,
    log: pino({ level: 'info' }, { write: (line: string) => logged.push(JSON.parse(line).msg) }),
    // How often times are looked at follows from the shortest of them.
    limits: { upstreamConnectMs: 200 },
  });
  onTestFinished(() => proxy.stop(0));
  return { port: (await proxy.start()).port, logged };
}

async function ask(port: number, times: number, request = GET): Promise<string[]> {
  const bodies: string[] = [];
  for (let i = 0; i < times; i += 1) bodies.push((await rawExchange(port, request)).body);
  return bodies;
}

async function stopped(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

test('several Novas are asked in turn', async () => {
  const [a, b] = [await named('a'), await named('b')];
  const { port } = await proxyBefore([a.port, b.port]);
  const bodies = await ask(port, 6);
  expect(bodies.filter((body) => body === 'a')).toHaveLength(3);
  expect(bodies.filter((body) => body === 'b')).toHaveLength(3);
});

test('with least-connections a slow one gets fewer', async () => {
  const goesOn = Promise.withResolvers<void>();
  const [slow, quick] = [await named('slow', goesOn.promise), await named('quick')];
  const { port } = await proxyBefore([slow.port, quick.port], { balance: 'least-connections' });
  const waiting: Promise<string[]>[] = [];
  let answered = 0;
  for (let i = 0; i < 10; i += 1) {
    waiting.push(ask(port, 1).finally(() => (answered += 1)));
    await expect.poll(() => slow.asked.length + answered, { interval: 5 }).toBe(i + 1);
  }
  // One that is under way there is enough: all others go where nothing waits.
  expect([slow.asked.length, quick.asked.length]).toEqual([1, 9]);
  goesOn.resolve();
  await Promise.all(waiting);
});

test('a Nova that goes is left out after one refused connection, without a client seeing it, and taken in when it is back', async () => {
  const [a, b] = [await named('a'), await named('b')];
  const { port, logged } = await proxyBefore([a.port, b.port]);
  await ask(port, 2);
  const address = b.server.address() as AddressInfo;
  await stopped(b.server);
  expect(await ask(port, 6)).toEqual(Array(6).fill('a'));
  expect(await ask(port, 4, POST)).toEqual(Array(4).fill('a'));
  expect(a.asked.filter((method) => method === 'POST')).toHaveLength(4);
  expect(logged).toContain('proxy: this Nova gets no more requests until it is well');
  await new Promise<void>((resolve) => b.server.listen(address.port, '127.0.0.1', resolve));
  await expect.poll(() => logged).toContain('proxy: this Nova gets requests again');
  expect(await ask(port, 4)).toContain('b');
});

test('one that answers probes with errors gets no requests', async () => {
  const a = await named('a');
  let probes = 0;
  const asked: unknown[] = [];
  const sick = await backend((request, response) => {
    if (request.url === '/') probes += 1;
    else asked.push(request.url);
    response.statusCode = 500;
    response.end();
  });
  const { port } = await proxyBefore([a.port, sick.port]);
  await expect.poll(() => probes).toBeGreaterThanOrEqual(3);
  asked.length = 0;
  expect(await ask(port, 6)).toEqual(Array(6).fill('a'));
  expect(asked).toEqual([]);
});

test('one that does not answer probes gets no requests', async () => {
  const a = await named('a');
  const { port: hanging } = await backend(() => {});
  const health = { ...DEFAULT_HEALTH, intervalMs: 50, timeoutMs: 500 };
  const { port, logged } = await proxyBefore([a.port, hanging], { health });
  await expect.poll(() => logged).toContain('proxy: this Nova gets no more requests until it is well');
  expect(await ask(port, 4)).toEqual(Array(4).fill('a'));
});

test('all of them gone: 503, and each was tried', async () => {
  const { port } = await proxyBefore([await deadPort(), await deadPort()]);
  expect((await rawExchange(port, POST)).statusLine).toBe('HTTP/1.1 503 Service Unavailable');
});

test('what reached one Nova is not asked of another', async () => {
  const hangsUp = await backend((request) => {
    if (request.url !== '/') request.socket.destroy();
  });
  const b = await named('b');
  const { port } = await proxyBefore([hangsUp.port, b.port], { health: { ...DEFAULT_HEALTH, intervalMs: 60_000 } });
  const answers = [await rawExchange(port, POST), await rawExchange(port, POST)];
  expect(answers.map(({ statusLine }) => statusLine.split(' ')[1]).sort()).toEqual(['200', '502']);
  expect(b.asked).toEqual(['POST']);
});

test('a single Nova is not probed', async () => {
  const a = await named('a');
  const { port } = await proxyBefore([a.port]);
  await ask(port, 1);
  await sleep(200);
  expect(a.probes()).toBe(0);
});

test('IPv6 on both sides', async () => {
  const { server } = await backend((request, response) => response.end(request.headers['x-forwarded-for']));
  await stopped(server);
  await new Promise<void>((resolve) => server.listen(0, '::1', resolve));
  const proxy = new ProxyServer({
    listen: { address: '::', port: 0 },
    upstream: `http://[::1]:${(server.address() as AddressInfo).port}`,
    onLiveMigrate: null,
    log: pino({ level: 'silent' }),
  });
  const { port } = await proxy.start();
  onTestFinished(() => proxy.stop(0));
  // Both families reach `::`; an IPv4 client is named as one.
  expect((await rawExchange(port, GET)).body).toBe('127.0.0.1');
  expect((await rawExchange(port, GET, '::1')).body).toBe('::1');
});

test('X-Forwarded fields of a client that is no trusted proxy are replaced; none are sent where Nova is not to be told', async () => {
  const { port: nova } = await backend((request, response) => response.end(JSON.stringify(request.headers)));
  const start = async (forwarded: { send: boolean; trust: string[] }) => {
    const options = { listen: { address: '127.0.0.1', port: 0 }, upstream: `http://127.0.0.1:${nova}` };
    const proxy = new ProxyServer({ ...options, forwarded, onLiveMigrate: null, log: pino({ level: 'silent' }) });
    onTestFinished(() => proxy.stop(0));
    return (await proxy.start()).port;
  };
  const lied = GET.replace(
    'Host: h',
    'X-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\nForwarded: for=10.9.9.9\r\nX-Forwarded-Prefix: /x\r\nHost: h',
  );
  const untrusted = JSON.parse((await rawExchange(await start({ send: true, trust: ['10.0.0.0/8'] }), lied)).body);
  expect(untrusted).toMatchObject({
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'h',
  });
  expect(Object.keys(untrusted)).not.toContain('forwarded');
  expect(Object.keys(untrusted)).not.toContain('x-forwarded-prefix');
  const silent = JSON.parse((await rawExchange(await start({ send: false, trust: [] }), GET)).body);
  expect(Object.keys(silent).filter((name) => name.includes('forwarded'))).toEqual([]);
});
