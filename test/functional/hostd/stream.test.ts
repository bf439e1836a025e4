import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventStreams } from '../../../hostd/api/stream.ts';
import type { HostSample, MigrationsAnswer } from '../../../hostd/contract.ts';
import { HostdError } from '../../../hostd/errors.ts';

/** 1,000 VMs, about 350 KB a sample. */
const VMS = Array.from({ length: 1000 }, (_, index) => ({ vmUuid: String(index), domain: 'd'.repeat(300) }));

let sampled = new Set<() => void>();
let changed = new Set<() => void>();
let revision = 0;
let streams: EventStreams;
let server: Server;
const readers: IncomingMessage[] = [];

const listen = (set: Set<() => void>) => (listener: () => void) => {
  set.add(listener);
  return () => void set.delete(listener);
};

beforeEach(async () => {
  sampled = new Set();
  changed = new Set();
  revision = 0;
  streams = new EventStreams(
    {
      sample: () => ({ host: 'here', nowMs: 1, vms: VMS }) as unknown as HostSample,
      migrations: async () => ({ revision: ++revision, nowMs: 1, migrations: [] }) satisfies MigrationsAnswer,
      onSample: listen(sampled),
      onMigrations: listen(changed),
    },
    pino({ level: 'silent' }),
  );
  server = createServer((request, response) => {
    try {
      streams.open(response, request.url !== '/?vms=0');
    } catch (error) {
      response.writeHead(error instanceof HostdError ? error.status : 500).end((error as HostdError).code);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function connect(path = '/'): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo;
  const [answer] = (await once(get({ port, path, host: '127.0.0.1', agent: false }), 'response')) as [IncomingMessage];
  answer.on('error', () => undefined);
  readers.push(answer);
  return answer;
}

/** What was read, growing; the stream is read from now on. */
function collect(answer: IncomingMessage): { text: string } {
  const read = { text: '' };
  answer.setEncoding('utf8').on('data', (text) => {
    read.text += text;
  });
  return read;
}

const tell = (set: Set<() => void>) => {
  for (const listener of [...set]) listener();
};

describe('a stream', () => {
  it('begins with the migrations and goes on with samples and changes', async () => {
    const all = collect(await connect());
    const few = collect(await connect('/?vms=0'));
    await expect.poll(() => few.text).toContain('event: migrations\ndata: {"revision":');
    tell(sampled);
    await expect.poll(() => all.text.match(/"vmUuid"/g)?.length).toBe(1000);
    expect(few.text).toContain('"vms":[]');
    const before = revision;
    for (let index = 0; index < 50; index++) tell(changed);
    await expect.poll(() => few.text).toContain(`"revision":${before + 1}`);
    expect(revision).toBe(before + 1);
  });

  it('is the seventeenth: 503', async () => {
    const open = [];
    for (let index = 0; index < 16; index++) open.push(await connect('/?vms=0'));
    const refused = await connect();
    expect([refused.statusCode, (await refused.toArray()).join()]).toEqual([503, 'too-many-streams']);
    open[0]?.destroy();
    await expect.poll(() => streams.count).toBe(15);
    expect((await connect()).statusCode).toBe(200);
  });

  it('of a reader that does not read is cut off, and the others lose nothing', async () => {
    const fast = collect(await connect());
    const slow = await connect();
    slow.pause();
    const told = 120;
    for (let index = 0; index < told; index++) {
      tell(sampled);
      await new Promise((resolve) => setTimeout(resolve, 2));
      // A reader that keeps up has read all of this before the next second; give it the time.
      await expect.poll(() => fast.text.match(/event: sample/g)?.length, { interval: 2 }).toBe(index + 1);
    }
    expect(streams.cutOff).toBe(1);
    expect(streams.count).toBe(1);
    expect(fast.text.match(/event: sample/g)).toHaveLength(told);
  });

  it('leaves no listener behind once the last one is closed', async () => {
    const [one, two] = [await connect(), await connect()];
    await expect.poll(() => sampled.size + changed.size).toBe(2);
    one.destroy();
    two.destroy();
    await expect.poll(() => sampled.size + changed.size).toBe(0);
  });

  it('ends when hostd does', async () => {
    const read = await connect();
    read.resume();
    const ended = once(read, 'end');
    streams.end();
    await ended;
  });
});
