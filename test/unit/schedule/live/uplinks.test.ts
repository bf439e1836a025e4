import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planSchedule } from '../../../../plugin/schedule/live/plan.ts';
import { type Crosser, fullUplink, shareUplinks } from '../../../../plugin/schedule/live/uplinks.ts';
import { verifyLive } from '../../../../plugin/schedule/live/verify.ts';
import type { LiveMigration, LiveWorld, PlannedMigration } from '../../../../plugin/schedule/live/world.ts';

interface Drawn {
  uplinks: number[];
  group: number;
  alone: number;
  shareOf: number;
  leastOf: number;
  isHeld: boolean;
  isOvertaken: boolean;
}

function crosser({ uplinks, group, alone, shareOf, leastOf, isHeld, isOvertaken }: Drawn): Crosser {
  const share = alone * shareOf;
  const use = { uplinks, aloneBitsPerSecond: alone, shareBitsPerSecond: share, leastBitsPerSecond: share * leastOf };
  return { use: { ...use, isHeld }, group, isOvertaken };
}

/** 60 alone, 5 at least, on one uplink, as in the table of `shareUplinks`. */
function sixty(group: 'high' | 'medium' | 'low', change: { isHeld?: boolean; isOvertaken?: boolean } = {}): Crosser {
  const { isHeld = true, isOvertaken = false } = change;
  const use = { uplinks: [0], aloneBitsPerSecond: 60, shareBitsPerSecond: 15, leastBitsPerSecond: 5, isHeld };
  return { use, group: ['high', 'medium', 'low'].indexOf(group), isOvertaken };
}

const drawn = fc.record({
  uplinks: fc.subarray([0, 1, 2], { minLength: 1 }),
  group: fc.integer({ min: 0, max: 3 }),
  alone: fc.integer({ min: 1, max: 100 }),
  shareOf: fc.constantFrom(1, 0.5, 0.25),
  leastOf: fc.constantFrom(1, 0.3, 0.1),
  isHeld: fc.boolean(),
  isOvertaken: fc.boolean(),
});
const capacities = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 3, maxLength: 3 });

describe('shareUplinks', () => {
  it.each([
    ['one alone', [sixty('low')], [60]],
    ['equals', [sixty('low'), sixty('low')], [50, 50]],
    ['a lower one beside what leaves something over', [sixty('high'), sixty('low')], [60, 40]],
    ['a lower one beside those that want all', [sixty('high'), sixty('high'), sixty('low')], [47.5, 47.5, 5]],
    ['one that nobody can hold', [sixty('high'), sixty('low', { isHeld: false })], [40, 60]],
    ['one that is slowed on a host anyway', [sixty('low', { isOvertaken: true }), sixty('low')], [5, 60]],
  ])('gives %s its rate', (_, crossers, rates) => {
    expect(shareUplinks([100], crossers)).toEqual(rates);
  });

  it('cuts even the least where the uplink has become too narrow for all of them', () => {
    expect(shareUplinks([8], [sixty('high'), sixty('low')])).toEqual([4, 4]);
  });

  it('never fills an uplink over, and leaves nothing that one which is free to could use', () => {
    fc.assert(
      fc.property(capacities, fc.array(drawn, { maxLength: 8 }), (has, all) => {
        const crossers = all.map(crosser);
        const rates = shareUplinks(has, crossers);
        const left = has.map((capacity, uplink) => {
          const users = rates.filter((_, at) => crossers[at]?.use.uplinks.includes(uplink));
          return capacity - users.reduce((sum, rate) => sum + rate, 0);
        });
        for (const rest of left) expect(rest).toBeGreaterThan(-1e-6);
        crossers.forEach(({ use, isOvertaken }, at) => {
          const rate = rates[at] ?? 0;
          expect(rate).toBeLessThanOrEqual(use.aloneBitsPerSecond * (1 + 1e-9));
          if (use.isHeld && isOvertaken) expect(rate).toBeLessThanOrEqual(use.leastBitsPerSecond);
          else if (rate < use.aloneBitsPerSecond - 1e-6) {
            expect(Math.min(...use.uplinks.map((uplink) => left[uplink] ?? 0))).toBeLessThan(1e-6);
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it('gives a lower group more than its least only where no higher one on the same uplink wants more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 300 }), fc.array(drawn, { maxLength: 8 }), (has, all) => {
        const crossers = all.map((each) => crosser({ ...each, uplinks: [0], isHeld: true, isOvertaken: false }));
        const rates = shareUplinks([has], crossers);
        for (const [low, { use, group }] of crossers.entries()) {
          if ((rates[low] ?? 0) <= use.leastBitsPerSecond * (1 + 1e-9)) continue;
          for (const [high, other] of crossers.entries()) {
            if (other.group < group) expect(rates[high]).toBeCloseTo(other.use.aloneBitsPerSecond, 6);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('fullUplink', () => {
  const room = (own: Crosser, ...there: Crosser[]) => fullUplink([100], own, () => there) === null;

  it('has room for equals while each has its share, and for a lower one only beside what higher ones can take', () => {
    const equals = (n: number) => Array.from({ length: n }, () => sixty('medium'));
    expect(room(sixty('medium'), ...equals(5))).toBe(true);
    expect(room(sixty('medium'), ...equals(6))).toBe(false);
    expect(room(sixty('low'), sixty('high'))).toBe(true);
    expect(room(sixty('low'), sixty('high'), sixty('medium'))).toBe(false);
    expect(room(sixty('high'), ...equals(6))).toBe(true);
  });

  it('counts those that nobody can hold with all that they could take', () => {
    expect(room(sixty('high'), sixty('low', { isHeld: false }))).toBe(true);
    expect(room(sixty('high', { isHeld: false }), sixty('low', { isHeld: false }))).toBe(false);
  });
});

describe('verifyLive finds', () => {
  const NOW = 1_795_000_000_000;
  const migration = (id: number): LiveMigration => ({
    id,
    source: id - 1,
    destination: 2 + id,
    links: [id - 1, 2 + id],
    uplinkUse: { uplinks: [0], aloneBitsPerSecond: 60, shareBitsPerSecond: 60, leastBitsPerSecond: 5, isHeld: true },
    priority: 'medium',
    weight: 1,
    serial: false,
    receivedAtMs: NOW,
    needs: {},
    running: false,
    leastBitsPerSecond: 5,
    mostBitsPerSecond: 60,
    remainingMs: (rate) => 60_000 / rate,
  });
  const world: LiveWorld = {
    nowMs: NOW,
    maxWaitMs: 600_000,
    links: Array.from({ length: 6 }, (_, at) => {
      return { name: `link ${at}`, bitsPerSecond: { high: 90, medium: 90, low: 90 }, mostMigrations: 8 };
    }),
    uplinks: [{ name: 'rack up', bitsPerSecond: 100 }],
    hosts: Array.from({ length: 6 }, (_, at) => ({ name: `host ${at}`, free: null, mostLeaving: 8 })),
    migrations: [migration(1), migration(2)],
  };
  const plan = planSchedule(world);
  const [first, second] = plan.migrations;

  it('nothing in the plan, in which the second waits for the first', () => {
    expect(verifyLive(world, plan)).toEqual([]);
    expect([first, second].map((own) => [(own?.startMs ?? 0) - NOW, (own?.endMs ?? 0) - NOW])).toEqual([
      [0, 1000],
      [1000, 2000],
    ]);
  });

  it('a start over a full uplink, and what is more than it carries', () => {
    const early = {
      ...second,
      startMs: NOW + 500,
      endMs: NOW + 1500,
      rates: [{ fromMs: NOW + 500, bitsPerSecond: 60 }],
    } as PlannedMigration;
    expect(verifyLive(world, { ...plan, migrations: [first as PlannedMigration, early] })).toEqual([
      '2: starts over rack up, which is full',
      `rack up: 120 of 100 bit/s at ${NOW + 500}`,
    ]);
  });

  it('one that waits for an uplink on which nobody is', () => {
    const never = { ...second, startMs: null, endMs: null, destination: null, rates: [] } as PlannedMigration;
    expect(verifyLive(world, { ...plan, migrations: [first as PlannedMigration, never] })).toEqual([
      '2: waits for nothing',
    ]);
  });

  it('one that starts before an older one which waits for the uplink too long', () => {
    const old = { ...migration(1), receivedAtMs: NOW - 700_000, vmUuid: 'busy' };
    const { uplinkUse: _, ...outside } = { ...migration(3), vmUuid: 'busy', running: true };
    const kept: LiveWorld = { ...world, migrations: [old, migration(2), outside] };
    const planned = planSchedule(kept);
    expect(verifyLive(kept, planned)).toEqual([]);
    const migrations = planned.migrations.map((own) =>
      own.id === 2 ? { ...own, startMs: NOW, endMs: NOW + 1000, rates: [{ fromMs: NOW, bitsPerSecond: 60 }] } : own,
    );
    expect(verifyLive(kept, { ...planned, migrations })).toContain(
      '2: starts over an uplink that 1, before it, waits for',
    );
  });
});
