import { createServer, type RequestListener, type Server } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { ProxyLimits } from '../../../plugin/proxy/limits.ts';
import type { LiveMigrateHandler } from '../../../plugin/proxy/live-migrate.ts';
import { type ProxyOptions, ProxyServer } from '../../../plugin/proxy/server.ts';
import { freePort } from '../../free-port.ts';

export const VM = '1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';

/** A backend that speaks through node:http. */
export async function backend(listener: RequestListener): Promise<{ port: number; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server };
}

/** A backend that answers with exactly these bytes and tells what it was sent. */
export async function rawBackend(
  answer: string | Buffer,
): Promise<{ port: number; received: Buffer[]; server: TcpServer }> {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.end(answer));
    socket.on('data', (chunk) => received.push(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, received, server };
}

/** A proxy before that port; `logged` are its log lines. */
export async function proxyBefore(
  upstreamPort: number,
  onLiveMigrate: LiveMigrateHandler | null = null,
  limits: Partial<ProxyLimits> = {},
  more: Partial<Pick<ProxyOptions, 'migrations' | 'onServerChange'>> = {},
): Promise<{ port: number; logged: Record<string, unknown>[]; proxy: ProxyServer }> {
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) });
  const proxy = new ProxyServer({
    listen: { address: '127.0.0.1', port: 0 },
    upstream: `http://127.0.0.1:${upstreamPort}`,
    onLiveMigrate,
    log,
    limits,
    ...more,
  });
  const { port } = await proxy.start();
  onTestFinished(() => proxy.stop(0));
  return { port, logged, proxy };
}

/** A port where nobody listens. */
export function deadPort(): Promise<number> {
  // One that was given and closed may belong to any connection of the machine by now.
  return freePort();
}

export interface RawAnswer {
  statusLine: string;
  /** Lines as they came, without those of the hop (Connection, Keep-Alive, Transfer-Encoding). */
  headers: string[];
  /** Without chunk framing. */
  body: string;
}

/** Sends these bytes on a connection of their own and reads until the server closes it. */
export function rawExchange(port: number, bytes: string | Buffer, address = '127.0.0.1'): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, address, () => socket.write(bytes));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(parseAnswer(Buffer.concat(chunks))));
  });
}

function parseAnswer(bytes: Buffer): RawAnswer {
  let text = bytes.toString('latin1');
  while (text.startsWith('HTTP/1.1 100')) text = text.slice(text.indexOf('\r\n\r\n') + 4);
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const chunked = lines.some((line) => /^transfer-encoding: *chunked$/i.test(line));
  const body = text.slice(end + 4);
  return {
    statusLine,
    headers: lines.filter((line) => !/^(connection|keep-alive|transfer-encoding):/i.test(line)),
    body: chunked ? dechunk(body) : body,
  };
}

function dechunk(framed: string): string {
  let out = '';
  for (let rest = framed; rest !== ''; ) {
    const lineEnd = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, lineEnd), 16);
    if (size === 0) return out;
    out += rest.slice(lineEnd + 2, lineEnd + 2 + size);
    rest = rest.slice(lineEnd + 2 + size + 2);
  }
  throw new Error(`chunked body without an end: ${framed.slice(-40)}`);
}

/** A live migration as bytes. */
export function migrateRequest(
  body: string | Buffer,
  extra: string[] = [],
  path = `/v2.1/servers/${VM}/action`,
): string {
  return [
    `POST ${path} HTTP/1.1`,
    'Host: nova.example:8774',
    'X-Auth-Token: callers-token',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...extra,
    'Connection: close',
    '',
    String(body),
  ].join('\r\n');
}
