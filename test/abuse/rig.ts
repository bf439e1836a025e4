import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { ProxyLimits } from '../../plugin/proxy/limits.ts';
import type { LiveMigrateHandler } from '../../plugin/proxy/live-migrate.ts';
import { ProxyServer } from '../../plugin/proxy/server.ts';

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
/** What the proxy adds to a request's header. */
export const ADDED = 'X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n';

/** A server that records every byte, one entry for each connection, and answers what it is told to. */
export interface Recorder {
  port: number;
  /** As latin-1: a character is a byte. */
  received: string[];
  sockets: Socket[];
}

/**
 * `answer` gets all bytes of one connection so far and how many answers it has sent there; null: wait for more.
 */
export async function recorder(answer: (bytes: string, answered: number) => string | null): Promise<Recorder> {
  const received: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const at = sockets.push(socket) - 1;
    received[at] = '';
    let answered = 0;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received[at] += chunk.toString('latin1');
      const bytes = answer(received[at] ?? '', answered);
      if (bytes === null) return;
      answered += 1;
      socket.write(bytes, 'latin1');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, received, sockets };
}

/** Answers every head that has come. */
export function toEachHead(answer: string): (bytes: string, answered: number) => string | null {
  return (bytes, answered) => (bytes.split('\r\n\r\n').length - 1 > answered ? answer : null);
}

export async function proxyBefore(
  upstream: number,
  limits: Partial<ProxyLimits> = {},
  onLiveMigrate: LiveMigrateHandler | null = null,
): Promise<number> {
  const proxy = new ProxyServer({
    listen: { address: '127.0.0.1', port: 0 },
    upstream: `http://127.0.0.1:${upstream}`,
    onLiveMigrate,
    log: pino({ level: 'silent' }),
    limits,
  });
  const { port } = await proxy.start();
  onTestFinished(() => proxy.stop(0));
  return port;
}

/**
 * Sends bytes on a connection of their own and gives what comes back until the other side closes or, with `until`, until
 * that has come.
 */
export function talk(port: number, bytes: string | Buffer, until?: string): Promise<{ text: string; reset: boolean }> {
  return new Promise((resolve) => {
    let text = '';
    let reset = false;
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes.toString('latin1'), 'latin1'));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (until !== undefined && text.includes(until)) socket.destroy();
    });
    socket.on('error', () => {
      reset = true;
    });
    socket.on('close', () => resolve({ text, reset }));
  });
}

export function statusOf(text: string): number {
  return Number(/^HTTP\/1\.[01] (\d\d\d)/.exec(text)?.[1] ?? 0);
}
