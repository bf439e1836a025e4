import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PluginStage } from '../plugin/stage.ts';
import { putPolicy } from '../policy-file.ts';

// Each starts the real process, which takes many times longer where all tests share the processors.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 30_000 });

const WITHIN = { timeout: 30_000 };
const HOSTS = ['compute-1', 'compute-2', 'compute-3', 'compute-4'];
/** QEMU's limit lets up to a tenth more pass than it says. */
const held = (bitsPerSecond: number) => Math.floor(bitsPerSecond / 1.1);

let stage: PluginStage;
/** What the sources' leases held both streams to, whenever it changed. */
let history: { limits: ReturnType<typeof limitOf>[]; ended: number }[];

/** compute-1 and -2 stand below a switch whose uplink has 100 Mbit/s for migrations, the others do not. */
beforeEach(async () => {
  stage = await PluginStage.build({ hosts: HOSTS, machines: 4, runMs: [9000, 9000] });
  await stage.plugin.prepare('1 s');
  for (const machine of stage.cloud.machines.machines.values()) machine.metadata = {};
  history = [];
  stage.cloud.onMoment = () => {
    const ended = stage.cloud.ledger.taken.filter(({ endedAtMs }) => endedAtMs !== null).length;
    const now = { limits: [limitOf(1), limitOf(2)], ended };
    if (!isDeepStrictEqual(history.at(-1), now)) history.push(now);
  };
});
afterEach(() => stage.stop());

async function start(parallelPerLink: number): Promise<void> {
  const file = join(stage.plugin.folder, 'policy.yaml');
  const seed = readFileSync(file, 'utf8');
  const rack = 'switches:\n  rack-1: { hosts: [compute-1, compute-2], capacity: 1 Gbit, migrations: 10 % }\n';
  const text = seed.replace(/^caps:.*$/m, `caps: { parallelPerLink: ${parallelPerLink} }`);
  expect(text).toContain(`parallelPerLink: ${parallelPerLink} }`);
  putPolicy(file, `${text}\n${rack}`);
  await stage.start();
}

/** The server of compute-1 or compute-2 leaves the rack, for a host of its own. */
function leave(host: 1 | 2) {
  return stage.send(stage.machines[host - 1], `compute-${host + 2}`);
}

/** What the leases on its source hold a server's stream to, and its host's migration class. */
function limitOf(host: 1 | 2): [stream: number | undefined, ceil: number | undefined] | null {
  const [lease] = stage.cloud.hosts[host - 1]?.leases.answer().leases ?? [];
  return lease ? [lease.maxBandwidthBitsPerSecond, lease.tx?.migration.ceilBitsPerSecond] : null;
}

async function recordOf(host: 1 | 2) {
  return (await stage.plugin.newest()).find(({ vmUuid }) => vmUuid === stage.machines[host - 1]);
}

describe('Two migrations that leave a rack', () => {
  it('share its uplink: together they are held to what it has for migrations', async () => {
    await start(4);
    const answers = await Promise.all([leave(1), leave(2)]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    const half = [held(50e6), 50e6];
    await expect.poll(() => history.map(({ limits }) => limits), WITHIN).toContainEqual([half, half]);
    const { decision } = (await recordOf(2)) ?? {};
    expect(decision?.reasons).toContainEqual({
      code: 'uplink-share',
      text: 'held to 50 Mbit/s, its share of what switches have for migrations: rack-1 up (100 Mbit/s)',
    });
    const isOver = async () => (await Promise.all([recordOf(1), recordOf(2)])).map((record) => record?.state);
    await expect.poll(isOver, WITHIN).toEqual(['completed', 'completed']);
    // Before that the first may have begun alone, a round earlier: Nova takes longer than the first is cut.
    const since = history.findIndex(({ limits }) => isDeepStrictEqual(limits, [half, half]));
    for (const { limits, ended } of history.slice(since)) {
      const together = limits.reduce((sum, limit) => sum + (limit?.[1] ?? 0), 0);
      if (ended === 0) expect(together, JSON.stringify(limits)).toBeLessThanOrEqual(100e6);
    }
  });

  it('go one after the other where a link takes one at a time, and the second says for which switch it waits', async () => {
    await start(1);
    expect((await leave(1)).status).toBe(202);
    await expect.poll(() => limitOf(1), WITHIN).toEqual([held(100e6), 100e6]);
    expect((await leave(2)).status).toBe(202);
    expect((await recordOf(2))?.stateReason?.code).toBe('uplink-full');
    await expect.poll(async () => (await recordOf(2))?.state, WITHIN).toBe('completed');
    const [first, second] = stage.cloud.ledger.taken;
    expect(second?.takenAtMs).toBeGreaterThanOrEqual(first?.endedAtMs ?? Number.POSITIVE_INFINITY);
  });
});
