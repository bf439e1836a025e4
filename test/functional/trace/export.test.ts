import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MigrationRecord } from '../../../plugin/contract.ts';
import { TraceExport } from '../../../plugin/trace/export.ts';

interface Received {
  path: string;
  headers: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever is sent
  body: any;
}

let collector: Server;
let url = '';
let statuses: number[] = [];
const received: Received[] = [];
const warned: string[] = [];
const log = pino({ level: 'warn' }, { write: (line: string) => warned.push(line) });

beforeEach(async () => {
  statuses = [];
  received.length = 0;
  warned.length = 0;
  collector = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const status = statuses.shift() ?? 200;
    if (status === 200) {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
      received.push({ path: request.url ?? '', headers: request.headers, body });
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;
});
afterEach(() => {
  collector.closeAllConnections();
  collector.close();
});

const ended = (id: number) =>
  ({
    id,
    vmUuid: 'u',
    vmName: 'vm',
    source: 'a',
    destination: 'b',
    state: 'completed',
    receivedAtMs: 0,
    endedAtMs: 5000,
  }) as MigrationRecord;
const events = async (migrationId: number) => [
  { id: 1, migrationId, atMs: 0, state: 'queued' as const, reason: { code: 'asked', text: '' } },
  { id: 2, migrationId, atMs: 5000, state: 'completed' as const, reason: { code: 'completed', text: '' } },
];

describe('TraceExport', () => {
  it('posts each trace with the configured headers, and again when the collector is busy', async () => {
    const traces = new TraceExport({ url, headers: { 'x-tenant': 't1' } }, '1.0', events, log);
    statuses = [503];
    for (const id of [1, 2]) traces.add(ended(id));
    await expect.poll(() => received.length).toBe(2);
    expect(received[0]).toMatchObject({
      path: '/v1/traces',
      headers: { 'x-tenant': 't1', 'content-type': 'application/json' },
    });
    const names = received.map(({ body }) =>
      body.resourceSpans[0].scopeSpans[0].spans.map((span: { name: string }) => span.name),
    );
    expect(names).toEqual([
      ['live migration', 'wait'],
      ['live migration', 'wait'],
    ]);
    await traces.stop();
  });

  it('gives up what the collector refuses, says what to check, and goes on with the next', async () => {
    const traces = new TraceExport({ url, headers: {} }, '1.0', events, log);
    statuses = [401];
    for (const id of [1, 2]) traces.add(ended(id));
    await expect.poll(() => received.length).toBe(1);
    expect(warned.join('')).toContain('check traces.url and traces.headers');
    await traces.stop();
  });

  it('ends at once while the collector is away', async () => {
    collector.close();
    const traces = new TraceExport({ url, headers: {} }, '1.0', events, log);
    traces.add(ended(1));
    const beganAtMs = Date.now();
    await traces.stop();
    // Its next attempts would be 1, 5 and 20 s later.
    expect(Date.now() - beganAtMs).toBeLessThan(15_000);
  });
});
