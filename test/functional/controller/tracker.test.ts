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
  await expect.poll(() => tracked?.reachable, { timeout: 5000 }).toBe(false);
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
