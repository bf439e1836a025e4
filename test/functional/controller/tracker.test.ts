import { connect, createServer, type Server } from 'node:net';
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { DroverError } from '../../../plugin/errors.ts';
import { Tracker } from '../../../plugin/tracker/tracker.ts';
import { HostDouble } from './doubles.ts';

let tracker: Tracker | null = null;
let server: Server | null = null;

afterEach(async () => {
  await tracker?.stop();
  server?.close();
});

async function lose(cause: Error): Promise<number | null> {
  const host = new HostDouble('compute-1');
  tracker = new Tracker([host], pino({ level: 'silent' }), () => {});
  tracker.start();
  const tracked = tracker.hosts.get('compute-1');
  await expect.poll(() => tracked?.reachable).toBe(true);
  host.sample = async () => {
    throw new DroverError('hostd-unreachable', 'gone', { cause });
  };
  await expect.poll(() => tracked?.reachable).toBe(false);
  return tracked?.linkLostAtMs ?? null;
}

it('calls a link lost when a host falls silent', async () => {
  expect(await lose(Object.assign(new Error('timeout of 2000ms exceeded'), { code: 'ECONNABORTED' }))).toBeGreaterThan(
    0,
  );
});

it('calls no link lost when hostd is only restarted: the refusal came over the link', async () => {
  const refusal = await new Promise<Error>((resolve) => {
    server = createServer().listen(0, '127.0.0.1', () => {
      const address = server?.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server?.close(() => connect(port, '127.0.0.1').on('error', resolve));
    });
  });
  expect(await lose(refusal)).toBeNull();
});

it('says once that a hostd shows its migrations in a form that it does not know, and goes on when it does', async () => {
  const lines: string[] = [];
  const host = new HostDouble('compute-1');
  const answer = host.migrations.bind(host);
  let asked = 0;
  host.migrations = async () => {
    asked += 1;
    throw new DroverError('hostd-answer-invalid', 'memoryRemainingBytes: expected int');
  };
  tracker = new Tracker([host], pino({ level: 'error' }, { write: (line) => void lines.push(line) }), () => {});
  tracker.start();
  await expect.poll(() => asked).toBeGreaterThan(2);
  expect(lines.filter((line) => line.includes('memoryRemainingBytes'))).toHaveLength(1);
  host.migrations = answer;
  await expect.poll(() => tracker?.hosts.get('compute-1')?.migrations).not.toBeNull();
});
