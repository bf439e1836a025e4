import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FluidMigration, simulate } from '../../../plugin/model/fluid.ts';
import { mvmSeconds } from '../../../plugin/schedule/btrplace/duration.ts';
import { flowsOf } from '../../../plugin/schedule/btrplace/flows.ts';
import { readBtrplace } from '../../../plugin/schedule/btrplace/read.ts';
import { solve } from '../../../plugin/schedule/solve.ts';
import { scaleInstance } from '../../bench/plan/generate.ts';

const NICS = ['a tx', 'a rx', 'b tx', 'b rx'].map((name) => ({ name, capacityBitsPerSecond: 1e9 }));
const flow = (more: Partial<FluidMigration> = {}): FluidMigration => ({
  links: [0, 3],
  copyBits: 10e9,
  startMs: 0,
  ...more,
});

describe('simulate', () => {
  it('shares a link between two and gives all of it to the one that is left', () => {
    const { migrations, makespanMs } = simulate({ migrations: [flow(), flow({ copyBits: 5e9 })] }, NICS, 'max-min');
    expect(migrations.map(({ endMs }) => endMs)).toEqual([15_000, 10_000]);
    expect(makespanMs).toBe(15_000);
  });

  it('keeps both directions of a NIC apart', () => {
    const { makespanMs } = simulate({ migrations: [flow(), flow({ links: [2, 1] })] }, NICS, 'max-min');
    expect(makespanMs).toBe(10_000);
  });

  it('lets a switch block', () => {
    const links = [...NICS, { name: 'switch', capacityBitsPerSecond: 1e9 }];
    const { makespanMs } = simulate(
      { migrations: [flow({ links: [0, 4, 3] }), flow({ links: [2, 4, 1] })] },
      links,
      'max-min',
    );
    expect(makespanMs).toBe(20_000);
  });

  it('keeps a reservation, shares the rest, and counts what the workload lost', () => {
    const plan = {
      migrations: [flow({ reservedBitsPerSecond: 700e6, copyBits: 7e9 })],
      workloads: [{ links: [0], demandBitsPerSecond: 400e6, guaranteedBitsPerSecond: 100e6 }],
    };
    const reserved = simulate(plan, NICS, 'reserved');
    expect(reserved.migrations[0]?.endMs).toBeCloseTo(8750, 6); // 800 Mbit/s: 100 are left and both grow alike
    expect(reserved.workloads[0]?.lostBits).toBeCloseTo(8.75 * 200e6, 0);
    const planned = simulate(plan, NICS, 'planned');
    expect(planned.migrations[0]?.endMs).toBeCloseTo(10_000, 6);
    expect(planned.workloads[0]?.lostShare).toBeCloseTo(0.25, 9);
    expect(planned.links[0]?.utilisation).toBeCloseTo(1, 9);
    const fair = simulate(plan, NICS, 'max-min');
    expect(fair.workloads[0]?.lostBits).toBe(0);
    expect(fair.migrations[0]?.endMs).toBeCloseTo((7e9 / 600e6) * 1000, 6);
  });

  it('sends dirtied pages again; below the dirty rate it never ends', () => {
    const dirty = flow({ dirtyBitsPerSecond: 200e6, copyBits: 8e9 });
    const alone = simulate({ migrations: [dirty] }, NICS, 'max-min').migrations[0];
    expect(alone?.endMs).toBe(10_000);
    expect(alone?.bits).toBe(10e9);
    const three = simulate({ migrations: [dirty, dirty, dirty, dirty, dirty] }, NICS, 'max-min');
    expect(three.makespanMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('stops a guest whose hot pages do not converge at the rate that it has', () => {
    const hot = flow({ hotBits: 1e9, hotBitsPerSecond: 600e6 });
    const alone = simulate({ migrations: [hot] }, NICS, 'max-min').migrations[0];
    expect(alone?.stoppedMs).toBe(0);
    expect(alone?.endMs).toBeCloseTo(10_000 + 1500, 6); // 1 s × 600 / (1000 - 600)
    const both = simulate({ migrations: [hot, hot] }, NICS, 'max-min').migrations;
    expect(both.map(({ endMs, stoppedMs }) => [Math.round(endMs), Math.round(stoppedMs)])).toEqual([
      [22_000, 2000],
      [22_000, 2000],
    ]);
  });

  it('starts at the planned time, and only where the rule lets it, in order', () => {
    const migrations = [flow({ startMs: 1000 }), flow(), flow()];
    const { migrations: seen } = simulate(
      { migrations, mayStart: (_, running) => running.length === 0 },
      NICS,
      'max-min',
    );
    expect(seen.map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
      [20_000, 30_000],
      [0, 10_000],
      [10_000, 20_000],
    ]);
  });

  it("agrees with mVM's duration at a constant rate", () => {
    const memories = fc.record({
      memoryMegabytes: fc.integer({ min: 1000, max: 16_000 }),
      hotMegabytes: fc.integer({ min: 0, max: 100 }),
      hotSeconds: fc.integer({ min: 2, max: 5 }),
      coldMegabytesPerSecond: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(memories, (memory) => {
        const model = {
          mapping: { onlineNodes: { '0': { runningVMs: [1] }, '1': {} } },
          attributes: {
            vms: {
              '1': {
                memUsed: memory.memoryMegabytes,
                hotDirtySize: memory.hotMegabytes,
                hotDirtyDuration: memory.hotSeconds,
                coldDirtyRate: memory.coldMegabytesPerSecond,
              },
            },
          },
        };
        const read = readBtrplace(JSON.stringify({ model, constraints: [{ id: 'fence', vm: 1, nodes: [1] }] }), null);
        const { links, migrations } = flowsOf(read, [0]);
        const seconds = simulate({ migrations }, links, 'planned').makespanMs / 1000;
        expect(Math.abs(seconds - mvmSeconds(memory, 1000))).toBeLessThanOrEqual(0.5 + 1e-6);
      }),
    );
  });

  it('plays a plan of 1,728 migrations as the planner counted it, where it counted no second too few', () => {
    const text = scaleInstance({ hostFactor: 1, vmFactor: 18, decommissioning: false, seed: 1 });
    const read = readBtrplace(text, null);
    // Rounded durations may be half a second short; then two meet on a full link, and both are late.
    const moves = read.instance.moves.map((move) => ({ ...move, durationSeconds: move.durationSeconds + 1 }));
    const solved = solve({ ...read.instance, moves }, { effort: 1 });
    const { links, migrations } = flowsOf(read, solved.starts as number[]);
    const { makespanMs, links: loads } = simulate({ migrations }, links, 'planned');
    expect(makespanMs / 1000).toBeLessThan(solved.makespanSeconds);
    expect(makespanMs / 1000).toBeGreaterThan(solved.makespanSeconds - 2);
    expect(Math.max(...loads.map(({ peakUtilisation }) => peakUtilisation))).toBeLessThanOrEqual(1 + 1e-9);
  });
});
