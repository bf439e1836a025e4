import { request as httpRequest, type IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FeedSource } from '../../../plugin/api/stream.ts';
import { EventStreams } from '../../../plugin/api/stream.ts';
import { FeedPage, MigrationEvent, Notice } from '../../../plugin/contract.ts';
import { Plugin, vm } from './rig.ts';

let plugin: Plugin;
beforeEach(() => {
  plugin = new Plugin();
  plugin.control = null;
});
afterEach(() => plugin.remove());

interface Told {
  id: string;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever is told
  data: any;
}

/** A reader of server-sent events as the standard describes it. */
class Reader {
  readonly told: Told[] = [];
  lastId = '';
  comments = 0;
  status = 0;
  closed = false;
  #response: IncomingMessage | null = null;

  async open(socketPath: string, lastEventId?: string): Promise<this> {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = httpRequest({ socketPath, path: '/v1/events/stream', headers, agent: false }, resolve);
      asked.on('error', reject);
      asked.end();
    });
    this.#response = response;
    this.status = response.statusCode ?? 0;
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
    });
    response.on('error', () => {});
    response.on('close', () => {
      this.closed = true;
    });
    return this;
  }

  close(): void {
    this.#response?.destroy();
  }

  of(event: string): Told[] {
    return this.told.filter((each) => each.event === event);
  }

  #take(block: string): void {
    const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s).slice(0, 2) as [string, string]));
    if (fields.has('')) this.comments += 1;
    const event = fields.get('event');
    if (event === undefined) return;
    this.lastId = fields.get('id') ?? this.lastId;
    this.told.push({ id: this.lastId, event, data: JSON.parse(fields.get('data') ?? 'null') });
  }
}

async function add(n: number): Promise<number> {
  const record = await plugin.store.add({
    vmUuid: vm(n),
    userId: 'user',
    source: 'compute-1',
    destination: 'compute-2',
    receivedAtMs: Date.now(),
    request: { host: null, blockMigration: 'auto', diskOverCommit: null, force: null, microversion: '2.93' },
    server: { name: `vm-${n}`, projectId: 'p1', flavorName: 'f', memoryBytes: 2 ** 28, metadata: {} },
  });
  return record.id;
}

const note = (id: number, text: string) => plugin.store.note(id, { code: 'n', text }, Date.now());

describe('GET /v1/events/stream', () => {
  it('tells events and notices once and in order over 20 lost connections and 3 restarts of the plugin', async () => {
    await plugin.start();
    const id = await add(1);
    const all: Told[] = [];
    let place: string | undefined;
    let written = 0;
    for (let round = 0; round < 20; round += 1) {
      const reader = await new Reader().open(plugin.socket, place);
      if (place === undefined) await expect.poll(() => reader.of('hello').length).toBe(1);
      for (let n = 0; n < 25; n += 1) {
        await note(id, String(written));
        written += 1;
      }
      const notice = { atMs: Date.now(), code: 'unmanaged' as const, text: `notice ${round}`, details: [] };
      await plugin.store.addNotice(notice);
      // Lost at any moment: some have been read, some not.
      const heard = round % 4;
      if (heard > 0) await expect.poll(() => reader.of('migration').length).toBeGreaterThanOrEqual(heard * 8);
      reader.close();
      all.push(...reader.told);
      place = reader.lastId || place;
      if (round % 6 === 5) await plugin.restart();
    }
    const last = await new Reader().open(plugin.socket, place);
    const texts = () =>
      [...all, ...last.told]
        .filter(({ event, data }) => event === 'migration' && data.reason.code === 'n')
        .map(({ data }) => MigrationEvent.parse(data).reason.text);
    await expect.poll(() => texts().length).toBe(written);
    expect(texts()).toEqual(Array.from({ length: written }, (_, n) => String(n)));
    const notices = [...all, ...last.told].filter(({ event, data }) => event === 'notice' && data.code === 'unmanaged');
    expect(notices.map(({ data }) => Notice.parse(data).text)).toEqual(
      Array.from({ length: 20 }, (_, n) => `notice ${n}`),
    );
    last.close();
  });

  it('begins now where no place is given, and anew where the place is of another database', async () => {
    await plugin.start();
    const id = await add(1);
    const [now, lost] = [await new Reader().open(plugin.socket), await new Reader().open(plugin.socket, '999-999')];
    await expect.poll(() => [now.of('hello').length, lost.of('reset').length]).toEqual([1, 1]);
    await note(id, 'later');
    await expect
      .poll(() => [now, lost].map((reader) => reader.of('migration').map(({ data }) => data.reason.text)))
      .toEqual([['later'], ['later']]);
    const wrong = await new Reader().open(plugin.socket, 'x');
    expect(wrong.status).toBe(400);
    for (const reader of [now, lost]) reader.close();
  });

  it('tells the progress of what runs', async () => {
    plugin.nova.addServer(vm(1));
    await plugin.start();
    const reader = await new Reader().open(plugin.socket);
    const { json } = await plugin.local('POST', '/v1/migrations', { vm: vm(1), destination: 'compute-2' });
    await expect.poll(() => plugin.nova.issued.length).toBe(1);
    plugin.hosts[0].show([sourceView()]);
    await expect
      .poll(() => reader.of('progress').at(-1)?.data)
      .toMatchObject([{ migrationId: json.id, remainingBytes: 50, totalBytes: 100, transferBitsPerSecond: 8 }]);
    reader.close();
  });
});

describe('GET /v1/events', () => {
  it('gives pages that follow each other', async () => {
    await plugin.start();
    const page = async (after?: string) =>
      FeedPage.parse((await plugin.local('GET', `/v1/events${after === undefined ? '' : `?after=${after}`}`)).json);
    const { next } = await page();
    const id = await add(1);
    for (let n = 0; n < 600; n += 1) await note(id, String(n));
    const first = await page(next);
    const second = await page(first.next);
    expect([first.migrations.length, second.migrations.length]).toEqual([500, 101]);
    expect((await page(second.next)).migrations).toEqual([]);
    expect(second.migrations.at(-1)?.reason.text).toBe('599');
  });
});

describe('EventStreams', () => {
  it('holds little for a reader that reads nothing, cuts it off in time, and tells the others all the while', async () => {
    const events = Array.from({ length: 20_000 }, (_, n): MigrationEvent => {
      return { id: n + 1, migrationId: 1, atMs: 0, state: 'running', reason: { code: 'n', text: 'x'.repeat(100) } };
    });
    const source: FeedSource = {
      eventsAfter: async (after, limit) => events.slice(after, after + limit),
      notices: async () => [],
      newestPosition: async () => ({ event: events.length, notice: 0 }),
      unfinished: async () => [],
    };
    const streams = new EventStreams(source, pino({ level: 'silent' }), { stalledMs: 500 });
    const [stuck, reading] = [response(), response()];
    let read = '';
    reading.on('data', (chunk: Buffer) => {
      read += chunk.toString();
    });
    await streams.open(stuck as never, { event: 0, notice: 0 });
    await streams.open(reading as never, { event: 0, notice: 0 });
    await expect.poll(() => read.match(/event: migration/g)?.length).toBe(20_000);
    expect(stuck.writableLength).toBeLessThan(1024 * 1024);
    await expect.poll(() => streams.cutOff).toBe(1);
    expect([stuck.destroyed, reading.destroyed, streams.count]).toEqual([true, false, 1]);
    reading.destroy();
    await expect.poll(() => streams.count).toBe(0);
  });
});

function response(): PassThrough & { writeHead?: () => void } {
  return Object.assign(new PassThrough({ highWaterMark: 16 * 1024 }), { writeHead: () => {}, socket: null });
}

function sourceView() {
  return {
    ...{ vmUuid: vm(1), domain: 'instance-1', role: 'source' as const, status: 'active' as const },
    ...{ startedAtMs: Date.now(), activeAtMs: Date.now(), postCopyAtMs: null, postCopyPausedAtMs: null },
    ...{ stoppedAtMs: null, resumedAtMs: null, endedAtMs: null, passes: [], iterations: 1 },
    ...{ memoryTotalBytes: 100, memoryRemainingBytes: 50, memoryTransferredBytes: 50, transferBitsPerSecond: 8 },
    ...{ dirtyBytesPerSecond: 0, postCopyRequests: 0, longestPageFaultMs: null },
  };
}
