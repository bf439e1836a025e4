import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ProxyServer } from '../../../plugin/proxy/server.ts';
import { makePki } from '../../lab/pki.ts';
import { backend, rawExchange } from './rig.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
let dir: string;
let otherDir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-tls-'));
  otherDir = await mkdtemp(join(tmpdir(), 'drover-tls-other-'));
  const hosts = [{ name: 'api', address: '127.0.0.1' }];
  await Promise.all([makePki(dir, { hosts, clients: [] }), makePki(otherDir, { hosts, clients: [] })]);
});
afterAll(() => Promise.all([dir, otherDir].map((one) => rm(one, { recursive: true }))));

/** Asks over TLS, trusting that authority; gives the answer and the certificate that was shown. */
async function secureExchange(port: number, ca: string) {
  const trusted = await readFile(ca);
  return new Promise<{ text: string; fingerprint: string }>((resolve, reject) => {
    let text = '';
    const socket = connect({ port, host: '127.0.0.1', ca: trusted }, () => socket.write(REQUEST));
    const fingerprint = new Promise<string>((known) =>
      socket.once('secureConnect', () => known(socket.getPeerCertificate().fingerprint256)),
    );
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', async () => resolve({ text, fingerprint: await fingerprint }));
  });
}

async function started(options: Omit<ConstructorParameters<typeof ProxyServer>[0], 'onLiveMigrate' | 'log'>) {
  const log = pino({ level: 'silent' });
  const proxy = new ProxyServer({ ...options, onLiveMigrate: null, log });
  onTestFinished(() => proxy.stop(0));
  return (await proxy.start()).port;
}

test('https for clients: Nova hears of it, and a certificate that changes on disk is shown at once', async () => {
  const { port: nova } = await backend((request, response) => response.end(`${request.headers['x-forwarded-proto']}`));
  const tls = { cert: join(dir, 'shown.crt'), key: join(dir, 'shown.key') };
  const install = async (from: string) => {
    await copyFile(join(from, 'api.key'), tls.key);
    await copyFile(join(from, 'api.crt'), tls.cert);
  };
  await install(dir);
  const port = await started({
    listen: { address: '127.0.0.1', port: 0, tls },
    upstream: `http://127.0.0.1:${nova}`,
  });
  const first = await secureExchange(port, join(dir, 'ca.crt'));
  expect(first.text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*https$/s);
  await writeFile(tls.cert, 'half a certificate');
  await sleep(2500);
  expect((await secureExchange(port, join(dir, 'ca.crt'))).fingerprint).toBe(first.fingerprint);
  await install(otherDir);
  const second = () => secureExchange(port, join(otherDir, 'ca.crt')).catch(() => first);
  await expect.poll(async () => (await second()).fingerprint).not.toBe(first.fingerprint);
  expect((await second()).text).toMatch(/^HTTP\/1\.1 200 OK/);
});

test('a listener whose certificate is no good does not start', async () => {
  const file = join(dir, 'none.crt');
  await writeFile(file, 'no certificate');
  const tls = { cert: file, key: join(dir, 'api.key') };
  await expect(
    started({ listen: { address: '127.0.0.1', port: 0, tls }, upstream: 'http://127.0.0.1:1' }),
  ).rejects.toThrow();
});

test.each([
  ['the authority that signed it', 'right', 200],
  ['another authority', 'wrong', 503],
])('https for Nova with %s', async (_name, authority, status) => {
  const server = createServer(
    { cert: await readFile(join(dir, 'api.crt')), key: await readFile(join(dir, 'api.key')) },
    (_request, response) => response.end('secret'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const port = await started({
    listen: { address: '127.0.0.1', port: 0 },
    upstream: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    upstreamCa: join(authority === 'right' ? dir : otherDir, 'ca.crt'),
  });
  const answer = await rawExchange(port, REQUEST);
  expect(answer.statusLine).toContain(String(status));
  if (status === 200) expect(answer.body).toBe('secret');
});
