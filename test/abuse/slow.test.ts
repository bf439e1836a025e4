import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ADDED, OK, proxyBefore, recorder, statusOf, talk, toEachHead } from './rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

/** Sends a byte every 10 ms until the other side closes; gives what came back and how long it took. */
async function drip(port: number, bytes: string): Promise<{ text: string; tookMs: number }> {
  const begunMs = performance.now();
  let text = '';
  let closed = false;
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  const end = new Promise<void>((resolve) =>
    socket.on('close', () => {
      closed = true;
      resolve();
    }),
  );
  for (const byte of bytes) {
    if (closed || text !== '') break;
    socket.write(byte);
    await sleep(10);
  }
  await end;
  return { text, tookMs: performance.now() - begunMs };
}

test('a header that comes by drops is cut off in its time', async () => {
  const nova = await recorder(toEachHead(OK));
  const port = await proxyBefore(nova.port, { clientHeaderMs: 300 });
  const { text, tookMs } = await drip(port, `GET / HTTP/1.1\r\nHost: h\r\nX: ${'a'.repeat(10_000)}`);
  expect(statusOf(text)).toBe(408);
  expect(tookMs).toBeGreaterThan(290);
  expect(tookMs).toBeLessThan(10_000);
  expect(nova.received).toEqual([]);
});

test.each(['a Content-Length', 'chunks'])(
  'a body that comes by drops, with %s, is cut off in its time',
  async (form) => {
    const nova = await recorder(() => null);
    const port = await proxyBefore(nova.port, { clientRequestMs: 300 });
    const framing = form === 'chunks' ? 'Transfer-Encoding: chunked' : 'Content-Length: 100000';
    const body = form === 'chunks' ? '1\r\na\r\n'.repeat(2000) : 'a'.repeat(10_000);
    const socketBytes = `POST / HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n${body}`;
    const { text, tookMs } = await drip(port, socketBytes);
    expect(statusOf(text)).toBe(408);
    expect(tookMs).toBeLessThan(10_000);
  },
);

test('a connection without a request is closed in its time, before and after one', async () => {
  const nova = await recorder(toEachHead(OK));
  const port = await proxyBefore(nova.port, { clientHeaderMs: 200, clientKeepAliveMs: 200 });
  expect((await talk(port, '')).text).toBe('');
  expect((await talk(port, GET)).text).toBe(OK);
});

test('a client that does not take its answer is cut off, and Nova with it', async () => {
  const nova = await recorder(
    toEachHead(`HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n${'a'.repeat(20_000_000)}`),
  );
  const port = await proxyBefore(nova.port, { clientStalledMs: 300 });
  const socket = connect(port, '127.0.0.1', () => socket.write(GET));
  socket.pause();
  socket.on('error', () => {});
  while (nova.sockets.length === 0) await sleep(10);
  await new Promise((resolve) => nova.sockets[0]?.once('close', resolve));
  socket.destroy();
});

test('a Nova that does not answer: 504', async () => {
  const nova = await recorder(() => null);
  const port = await proxyBefore(nova.port, { upstreamAnswerMs: 200 });
  expect(statusOf((await talk(port, GET, '"gatewayTimeout"')).text)).toBe(504);
});

test('one connection too many gets 503, and a place that becomes free is taken again', async () => {
  const nova = await recorder(toEachHead(OK));
  const port = await proxyBefore(nova.port, { clientConnections: 2 });
  const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  expect(statusOf((await talk(port, GET)).text)).toBe(503);
  for (const socket of sockets) socket.destroy();
  await sleep(50);
  expect((await talk(port, GET, 'ok')).text).toBe(OK);
});

test('more requests than connections to Nova wait for their turn', async () => {
  let running = 0;
  let most = 0;
  const nova = await recorder((bytes, answered) => {
    if (!toEachHead(OK)(bytes, answered)) return null;
    running += 1;
    most = Math.max(most, running);
    setTimeout(() => {
      running -= 1;
      for (const [at, socket] of nova.sockets.entries()) {
        const pending = (nova.received[at]?.split('\r\n\r\n').length ?? 1) - 1;
        const sent = answers[at] ?? 0;
        if (pending > sent) {
          answers[at] = sent + 1;
          socket.write(OK);
        }
      }
    }, 20);
    return '';
  });
  const answers: number[] = [];
  const port = await proxyBefore(nova.port, { upstreamConnections: 2 });
  const texts = await Promise.all(Array.from({ length: 8 }, () => talk(port, GET, 'ok')));
  expect(texts.map(({ text }) => text)).toEqual(Array(8).fill(OK));
  expect(most).toBeLessThanOrEqual(2);
  expect(nova.received.join('').split(ADDED).length - 1).toBe(8);
});

test('a request that waits too long for a connection to Nova gets 503, and Nova never gets it', async () => {
  const nova = await recorder((bytes, answered) => (toEachHead(OK)(bytes, answered) ? '' : null));
  const port = await proxyBefore(nova.port, { upstreamConnections: 1, upstreamQueueMs: 300 });
  const first = talk(port, GET, '502');
  await expect.poll(() => nova.received.join('').length).toBeGreaterThan(0);
  const { text } = await talk(port, GET, 'busy');
  expect(text).toMatch(/^HTTP\/1\.1 503 /);
  expect(text).toContain('{"serviceUnavailable":{"code":503,');
  expect(text).toContain('all 1 connections to Nova were busy for 0.3 s');
  expect(nova.received.join('').split(ADDED).length - 1).toBe(1);
  for (const socket of nova.sockets) socket.destroy();
  await first;
});

test('thousands of pipelined requests are all answered, without being kept in memory at once', async () => {
  const nova = await recorder(toEachHead(OK));
  const port = await proxyBefore(nova.port);
  const count = 3000;
  const { text } = await talk(port, GET.repeat(count) + GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  expect(text.split('200 OK').length - 1).toBe(count + 1);
});
