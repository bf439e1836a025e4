import { describe, expect, it, onTestFinished } from 'vitest';
import { type Cost, costOf, daemonPid } from './cost.ts';
import { Crowd } from './crowd.ts';

/**
 * The short form of `npm run bench:hostd`. The bounds are wide: the machine is busy, and the start is in the figures.
 */
/** After all VMs are known. */
const SETTLE_MS = 6000;
const SECONDS = 8;

async function measure(taps: number): Promise<Cost & { counted: number }> {
  const crowd = new Crowd(taps);
  onTestFinished(() => crowd.stop());
  await crowd.start();
  const { rig } = crowd;
  await rig.startDaemon(crowd.settings('nftables'));
  await rig.killDaemon('SIGTERM');
  await rig.startDaemon(crowd.settings('nftables'));
  await expect.poll(async () => (await rig.call('GET', '/v1/sample')).json?.vms?.length).toBe(taps);
  crowd.talk();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const cost = await costOf(await daemonPid(rig), SECONDS);
  const { vms } = (await rig.call('GET', '/v1/sample')).json;
  const counted = (vms as { txBitsPerSecond: number; rxBitsPerSecond: number }[]).filter(
    ({ txBitsPerSecond, rxBitsPerSecond }) => txBitsPerSecond > 0 && rxBitsPerSecond > 0,
  ).length;
  await crowd.stop();
  return { ...cost, counted };
}

describe('What hostd costs', () => {
  it('with 800 VMs is little, and little more than with 100', { timeout: 120_000 }, async () => {
    const few = await measure(100);
    const many = await measure(800);
    console.log(`100 taps: ${JSON.stringify(few)}\n800 taps: ${JSON.stringify(many)}`);
    expect([few.counted, many.counted]).toEqual([100, 800]);
    const percent = (cost: Cost) => cost.daemonPercent + cost.childrenPercent;
    expect(percent(many)).toBeLessThan(6);
    expect(percent(many) - percent(few)).toBeLessThan(4);
    expect(many.daemonMebibytes).toBeLessThan(105);
    expect(many.daemonMebibytes - few.daemonMebibytes).toBeLessThan(25);
  });
});
