import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MigrationView } from '../../../../hostd/contract.ts';
import {
  type DirtySchedule,
  dirtyVmStates,
  leaveAlone,
  parseDirtyRate,
  parseResident,
  planTurn,
  TURN_MS,
  WINDOWS_MS,
} from '../../../../hostd/measure/dirty.ts';

const EVERY_MS = 60_000;

interface Started {
  vmUuid: string;
  windowMs: number;
  atMs: number;
}

/** Takes turns for a while and tells all starts and reads. */
function simulate(vms: number, seconds: number) {
  const here = Array.from({ length: vms }, (_, index) => ({ vmUuid: `vm-${index}`, eligible: true }));
  const starts: Started[] = [];
  const reads: Started[] = [];
  let schedule: DirtySchedule = new Map();
  for (let nowMs = 0; nowMs <= seconds * 1000; nowMs += TURN_MS) {
    const turn = planTurn(schedule, here, EVERY_MS, nowMs);
    schedule = turn.schedule;
    starts.push(...turn.start.map((one) => ({ ...one, atMs: nowMs })));
    reads.push(...turn.read.map((one) => ({ ...one, atMs: nowMs })));
  }
  return { starts, reads };
}

describe('planTurn', () => {
  it('measures one VM with each window, one after the other, every minute', () => {
    const { starts, reads } = simulate(1, 70);
    expect(starts).toEqual([
      { vmUuid: 'vm-0', windowMs: 1000, atMs: 0 },
      { vmUuid: 'vm-0', windowMs: 4000, atMs: 5000 },
      { vmUuid: 'vm-0', windowMs: 1000, atMs: 60_000 },
      { vmUuid: 'vm-0', windowMs: 4000, atMs: 65_000 },
    ]);
    expect(reads.map(({ atMs, windowMs }) => [atMs, windowMs])).toEqual([
      [5000, 1000],
      [10_000, 4000],
      [65_000, 1000],
      [70_000, 4000],
    ]);
  });

  it('spreads many VMs over the time, and measures each as often as asked for', () => {
    const { starts } = simulate(60, 300);
    const perTurn = Map.groupBy(starts, ({ atMs }) => atMs);
    expect(Math.max(...[...perTurn.values()].map((list) => list.length))).toBeLessThanOrEqual(10);
    for (const each of Map.groupBy(starts, ({ vmUuid }) => vmUuid).values()) {
      expect(each.length).toBeGreaterThanOrEqual(8);
      expect(each.length).toBeLessThanOrEqual(11);
    }
  });

  it('measures more VMs than it can more seldom, each of them as often as the others', () => {
    const { starts } = simulate(1000, 1200);
    const perTurn = Map.groupBy(starts, ({ atMs }) => atMs);
    for (const list of perTurn.values()) expect(list.length).toBeLessThanOrEqual(25);
    const counts = [...Map.groupBy(starts, ({ vmUuid }) => vmUuid).values()].map((list) => list.length);
    expect(counts).toHaveLength(1000);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
  });

  it('never has two measurements on a VM, none on one that migrates or is paused, whatever happens', () => {
    const names = ['a', 'b', 'c', 'd'];
    const vms = fc
      .subarray(names)
      .chain((present) => fc.tuple(...present.map((vmUuid) => fc.boolean().map((eligible) => ({ vmUuid, eligible })))));
    const turns = fc.array(fc.tuple(fc.nat(12_000), vms, fc.option(fc.constantFrom(...names))), { maxLength: 40 });
    fc.assert(
      fc.property(turns, fc.integer({ min: 10_000, max: 60_000 }), (happens, everyMs) => {
        let schedule: DirtySchedule = new Map();
        let nowMs = 0;
        // The measurements that QEMU has under way, and the guests that are a new QEMU since.
        const untilMs = new Map<string, number>();
        for (const [passedMs, here, hangs] of happens) {
          nowMs += passedMs;
          for (const name of names) if (!here.some(({ vmUuid }) => vmUuid === name)) untilMs.delete(name);
          const turn = planTurn(schedule, here, everyMs, nowMs);
          schedule = turn.schedule;
          for (const { vmUuid } of turn.read) expect(untilMs.get(vmUuid)).toBeLessThanOrEqual(nowMs);
          for (const { vmUuid, windowMs } of turn.start) {
            expect(here).toContainEqual({ vmUuid, eligible: true });
            expect(untilMs.get(vmUuid) ?? 0).toBeLessThanOrEqual(nowMs);
            untilMs.set(vmUuid, nowMs + windowMs);
          }
          expect(new Set(turn.start.map(({ vmUuid }) => vmUuid)).size).toBe(turn.start.length);
          if (hangs !== null) schedule = leaveAlone(schedule, hangs, nowMs);
        }
      }),
    );
  });

  it('leaves a VM alone after libvirt hung at it', () => {
    const here = [{ vmUuid: 'a', eligible: true }];
    const { schedule } = planTurn(new Map(), here, EVERY_MS, 0);
    const alone = leaveAlone(schedule, 'a', 5000);
    expect(planTurn(alone, here, EVERY_MS, 500_000).start).toEqual([]);
    expect(planTurn(alone, here, EVERY_MS, 605_000).start).toHaveLength(1);
  });
});

describe('dirtyVmStates', () => {
  it('leaves out guests that do not run and those that migrate, on either side', () => {
    const domains = [
      { uuid: 'runs', state: 1 },
      { uuid: 'paused', state: 3 },
      { uuid: 'leaves', state: 1 },
      { uuid: 'stayed', state: 1 },
    ];
    const views = [
      { vmUuid: 'leaves', status: 'active' },
      { vmUuid: 'stayed', status: 'failed' },
    ] as MigrationView[];
    const eligible = dirtyVmStates(domains, views).filter((vm) => vm.eligible);
    expect(eligible.map(({ vmUuid }) => vmUuid)).toEqual(['runs', 'stayed']);
  });
});

describe('parseDirtyRate', () => {
  // Printed by virsh 11.3.
  const text = (status: number, rate = '\n  dirtyrate.megabytes_per_second=4') =>
    `Domain: 'instance-00000001'\n  dirtyrate.calc_status=${status}\n  dirtyrate.calc_start_time=1795478475\n  dirtyrate.calc_period=1\n  dirtyrate.calc_mode=page-sampling${rate}\n`;

  it('reads a finished measurement only', () => {
    expect(parseDirtyRate(text(2))).toEqual({ startedAt: 1795478475, windowMs: 1000, bytesPerSecond: 4 * 2 ** 20 });
    expect(parseDirtyRate(text(1, ''))).toBeNull();
    expect(parseDirtyRate(text(0, ''))).toBeNull();
    expect(parseDirtyRate('')).toBeNull();
  });

  it('takes every window that is asked for', () => {
    expect(WINDOWS_MS.every((windowMs) => windowMs % 1000 === 0 && windowMs < TURN_MS)).toBe(true);
  });
});

describe('parseResident', () => {
  // Printed by virsh 11.3.
  it('reads KiB, and nothing where libvirt left it out', () => {
    const text = "Domain: 'one'\n  balloon.current=131072\n  balloon.maximum=131072\n  balloon.rss=174908\n";
    expect(parseResident(text)).toBe(174908 * 1024);
    expect(parseResident("Domain: 'one'\n  balloon.current=131072\n  balloon.maximum=131072\n")).toBeNull();
    expect(parseResident('')).toBeNull();
  });
});
