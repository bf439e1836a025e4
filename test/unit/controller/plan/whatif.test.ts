import { describe, expect, it } from 'vitest';
import type { Priority } from '../../../../plugin/contract.ts';
import { whatIf } from '../../../../plugin/controller/plan/whatif.ts';
import type { InFlightMigration, QueuedMigration, World } from '../../../../plugin/controller/plan/world.ts';
import { flying, host, NOW, queued, world } from './worlds.ts';

/** Of 6 GB: 100 s at 480 Mbit/s. */
const BIG = 6e9;
const big = (id: number, priority: Priority): QueuedMigration => {
  const own = queued(id, { priority });
  return { ...own, server: { ...own.server, memoryBytes: BIG } };
};
const runs = (id: number, priority: Priority): InFlightMigration => ({
  ...flying(id, { priority }),
  server: { memoryBytes: BIG },
  submittedAtMs: NOW - 1000,
});
/** Workload of 400 Mbit/s on the way; nobody has samples of the VMs. */
const busy = (more: Partial<World>): World => ({
  ...world({ hosts: { 'compute-1': host('compute-1', { tx: 400e6 }), 'compute-2': host('compute-2') } }),
  ...more,
});
const supposing = (w: World, priorities: [number, Priority][], asked: QueuedMigration[] = []) =>
  whatIf(w, { asked, priorities: new Map(priorities) }, ({ id }) => ({ id, vmName: `vm-${id}` }));
const seconds = (atMs: number | null | undefined) => Math.round(((atMs ?? Number.NaN) - NOW) / 1000);
const lost = (answer: ReturnType<typeof supposing>, which: 'lostBits' | 'lostBitsNow' | 'lostBitsWithout') =>
  answer.workloads.reduce((sum, each) => sum + each[which], 0);

describe('what if one that waits or runs had another priority', () => {
  it('one that runs ends sooner, and costs the workload what the lower priority left it', () => {
    const w = busy({ inFlight: [runs(1, 'low')] });
    const answer = supposing(w, [[1, 'high']]);
    expect(answer.migrations).toMatchObject([{ id: 1, priority: 'high', running: true }]);
    const [before, after] = [answer.unchanged[0]?.endAtMs.value, answer.migrations[0]?.endAtMs.value];
    expect(answer.unchanged).toMatchObject([{ id: 1 }]);
    expect(seconds(after)).toBeLessThan(seconds(before) / 2);
    expect(lost(answer, 'lostBits')).toBeGreaterThan(lost(answer, 'lostBitsNow'));
    expect(lost(answer, 'lostBitsWithout')).toBe(0);
  });

  it('one that waits goes before another, which is told as delayed', () => {
    const w = busy({ queue: [big(1, 'medium'), big(2, 'low')] });
    const answer = supposing(w, [[2, 'high']]);
    expect(answer.migrations).toMatchObject([{ id: 2, priority: 'high', running: false }]);
    expect(seconds(answer.migrations[0]?.startAtMs)).toBe(0);
    expect(answer.delayed).toMatchObject([{ id: 1, running: false }]);
    expect(seconds(answer.unchanged[0]?.startAtMs)).toBeGreaterThan(10);
  });

  it('the loss is told against a world without it, so that nothing is saved by asking for less first', () => {
    const asked = supposing(busy({}), [], [big(1, 'high')]);
    const raised = supposing(busy({ queue: [big(1, 'low')] }), [[1, 'high']]);
    expect(lost(raised, 'lostBitsWithout')).toBe(0);
    expect(lost(raised, 'lostBits')).toBe(lost(asked, 'lostBits'));
    expect(lost(asked, 'lostBitsWithout')).toBe(lost(asked, 'lostBitsNow'));
  });

  it('what runs without Drover has no priority: nothing changes', () => {
    const w = busy({ inFlight: [{ ...runs(1, 'low'), decision: null }] });
    const answer = supposing(w, [[1, 'high']]);
    expect(answer.migrations).toMatchObject([{ id: 1, priority: null }]);
    expect(answer.migrations[0]?.endAtMs).toEqual(answer.unchanged[0]?.endAtMs);
  });

  it('the world is left as it was', () => {
    const w = busy({ inFlight: [runs(1, 'low')], queue: [big(2, 'low')] });
    const before = JSON.stringify([w.queue, w.inFlight]);
    supposing(w, [
      [1, 'high'],
      [2, 'high'],
    ]);
    expect(JSON.stringify([w.queue, w.inFlight])).toBe(before);
  });
});
