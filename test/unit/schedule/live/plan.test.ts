import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planSchedule } from '../../../../plugin/schedule/live/plan.ts';
import { verifyLive } from '../../../../plugin/schedule/live/verify.ts';
import type { LiveMigration, LivePlan, LiveWorld } from '../../../../plugin/schedule/live/world.ts';
import { liveWorlds } from '../../../bench/plan/worlds.ts';

const RUNS = 1500;
const NOW = 1_795_000_000_000;
const GIGABIT = 1e9;

/** Two hosts and a third; each migration takes 8 s a GB at a gigabit. */
function world(migrations: LiveMigration[], more: Partial<LiveWorld> = {}): LiveWorld {
  return {
    nowMs: NOW,
    maxWaitMs: 600_000,
    links: ['a tx', 'a rx', 'b tx', 'b rx', 'c tx', 'c rx'].map((name) => ({
      name,
      bitsPerSecond: { high: GIGABIT, medium: GIGABIT, low: GIGABIT },
      mostMigrations: 8,
    })),
    hosts: ['a', 'b', 'c'].map((name) => ({ name, free: null, mostLeaving: 8 })),
    migrations,
    ...more,
  };
}

function migration(
  id: number,
  { gigabytes = 1, ...more }: Partial<LiveMigration> & { gigabytes?: number } = {},
): LiveMigration {
  const { source = 0, destination = 1 } = more;
  return {
    id,
    source,
    destination,
    links: [2 * source, 2 * destination + 1],
    priority: 'medium',
    weight: 1,
    serial: false,
    receivedAtMs: NOW,
    needs: { MEMORY_MB: 1000 * gigabytes },
    running: false,
    leastBitsPerSecond: 50e6,
    mostBitsPerSecond: GIGABIT,
    remainingMs: (rate) => (8e12 * gigabytes) / rate,
    ...more,
  };
}

function times({ migrations }: LivePlan): (number | null)[][] {
  return migrations.map(({ startMs, endMs }) => [startMs, endMs].map((atMs) => atMs && Math.round(atMs - NOW)));
}

describe('planSchedule', () => {
  it('breaks no rule, whatever the world, and gives the same plan to the byte', () => {
    fc.assert(
      fc.property(liveWorlds, fc.infiniteStream(fc.nat()), (drawn, numbers) => {
        const plan = planSchedule(drawn, { rounds: 20 });
        expect(verifyLive(drawn, plan)).toEqual([]);
        const keys = new Map(drawn.migrations.map(({ id }) => [id, numbers.next().value ?? 0]));
        const shuffled = [...drawn.migrations].sort((a, b) => (keys.get(a.id) ?? 0) - (keys.get(b.id) ?? 0));
        expect(JSON.stringify(planSchedule({ ...drawn, migrations: shuffled }, { rounds: 20 }))).toBe(
          JSON.stringify(plan),
        );
      }),
      { numRuns: RUNS },
    );
  }, 60_000);

  it('puts the short one first inside a group, one after the other where one is serial', () => {
    const plan = planSchedule(world([migration(1, { gigabytes: 4, serial: true }), migration(2)]));
    expect(times(plan)).toEqual([
      [8000, 40_000],
      [0, 8000],
    ]);
  });

  it('shares a link among the parallel ones of a group, and among those that run without Drover', () => {
    const gang = [migration(1), migration(2), migration(3, { priority: null, running: true })];
    const plan = planSchedule(world(gang));
    expect(times(plan)).toEqual([1, 2, 3].map(() => [0, 24_000]));
    expect(verifyLive(world(gang), plan)).toEqual([]);
  });

  it('gives a lower group what the workload leaves to it, a higher one more', () => {
    const links = world([]).links.map((link) => ({ ...link, bitsPerSecond: { high: 8e8, medium: 6e8, low: 2e8 } }));
    const alone = (priority: 'high' | 'medium' | 'low') =>
      planSchedule(world([migration(1, { priority })], { links })).migrations[0]?.rates[0]?.bitsPerSecond;
    expect([alone('high'), alone('medium'), alone('low')]).toEqual([8e8, 6e8, 2e8]);
  });

  it('lets one begin to wait anew when its window has closed and opened again', () => {
    // Open from -200 s to 100 s, and again from 700 s on.
    const windows = (atMs: number) => {
      const seconds = (atMs - NOW) / 1000;
      const openSinceMs = NOW + (seconds < 100 ? -200 : 700) * 1000;
      const closed = seconds >= 100 && seconds < 700;
      return closed ? { startsAtMs: NOW + 700_000, openSinceMs: atMs } : { startsAtMs: atMs, openSinceMs };
    };
    const waits = { serial: true, priority: 'high' as const };
    const plan = planSchedule(
      world(
        [
          migration(1, { ...waits, running: true, remainingMs: () => 710_000 }),
          migration(2, { ...waits, receivedAtMs: NOW - 300_000, windows }),
          migration(3, { ...waits, receivedAtMs: NOW - 200_000 }),
        ],
        { maxWaitMs: 60_000 },
      ),
    );
    expect(times(plan).map(([startMs]) => startMs)).toEqual([0, 718_000, 710_000]);
  });

  it('starts inside windows only, and counts the wait from when they opened', () => {
    // Open in the first 10 s of each minute; two of 8 s do not both fit in.
    const windows = (atMs: number) => {
      const phase = (atMs - NOW) % 60_000;
      return phase < 10_000
        ? { startsAtMs: atMs, openSinceMs: atMs - phase }
        : { startsAtMs: atMs - phase + 60_000, openSinceMs: atMs };
    };
    const serial = [1, 2, 3].map((id) => migration(id, { serial: true, windows }));
    const plan = planSchedule(world(serial));
    expect(times(plan)).toEqual([
      [0, 8000],
      [8000, 16_000],
      [60_000, 68_000],
    ]);
    expect(verifyLive(world(serial), plan)).toEqual([]);
    const never = () => ({ startsAtMs: null, openSinceMs: NOW });
    expect(times(planSchedule(world([migration(1, { windows: never })])))).toEqual([[null, null]]);
  });

  it('changes the places of peers only', () => {
    const long = migration(1, { gigabytes: 4, serial: true, turn: 1 });
    const short = migration(2, { serial: true, turn: 2 });
    const starts = (peers: string[]) =>
      times(
        planSchedule(world([long, short].map((own, at) => ({ ...own, ...(peers[at] ? { peers: peers[at] } : {}) })))),
      ).map(([start]) => start);
    expect(starts([])).toEqual([8000, 0]);
    expect(starts(['x', 'x'])).toEqual([8000, 0]);
    expect(starts(['x', 'y'])).toEqual([0, 32_000]);
  });

  it('lets urgent work overtake: a low one that runs is slowed to its least, and then goes on', () => {
    const low = migration(1, { priority: 'low', running: true });
    const high = migration(2, { priority: 'high', gigabytes: 0.95, mostBitsPerSecond: 0.95e9 });
    const plan = planSchedule(world([low, high]));
    expect(times(plan)).toEqual([
      [0, 15_600],
      [0, 8000],
    ]);
    expect(plan.migrations[0]?.rates).toEqual([
      { fromMs: NOW, bitsPerSecond: 50e6 },
      { fromMs: NOW + 8000, bitsPerSecond: GIGABIT },
    ]);
  });

  it('starts no lower one on a link that a higher one waits for, unless it waited too long', () => {
    const high = migration(1, { priority: 'high', gigabytes: 4 });
    const full = {
      hosts: [0, 0, 9000].map((free, at) => ({ name: `${at}`, free: { MEMORY_MB: free }, mostLeaving: 8 })),
    };
    const leaves = migration(2, { source: 1, destination: 2, gigabytes: 4, running: true });
    const low = migration(3, { priority: 'low', destination: 2 });
    const plan = planSchedule(world([high, leaves, low], full));
    expect(times(plan)).toEqual([
      [32_000, 64_000],
      [0, 32_000],
      [64_000, 72_000],
    ]);
    const old = { ...low, receivedAtMs: NOW - 590_000 };
    expect(times(planSchedule(world([high, leaves, old], full)))[2]?.[0]).toBe(10_000);
  });

  it('keeps a deadline by going first, though it is longer', () => {
    const long = migration(1, { gigabytes: 2, deadlineMs: NOW + 17_000, serial: true });
    const plan = planSchedule(world([long, migration(2)]));
    expect(plan.migrations.map(({ lateMs }) => lateMs)).toEqual([0, 0]);
    expect(times(plan)[0]).toEqual([0, 16_000]);
  });

  it("keeps Nova's limit of a source, the cap of a link and serial groups", () => {
    const half = { mostBitsPerSecond: GIGABIT / 2 };
    const starts = (more: Partial<LiveWorld>, serial = false) =>
      times(planSchedule(world([migration(1, { ...half, serial }), migration(2, half)], more))).map(([start]) => start);
    expect(starts({})).toEqual([0, 0]);
    const { links, hosts } = world([]);
    expect(starts({ hosts: hosts.map((host) => ({ ...host, mostLeaving: 1 })) })).toEqual([0, 16_000]);
    expect(starts({ links: links.map((link) => ({ ...link, mostMigrations: 1 })) })).toEqual([0, 16_000]);
    expect(starts({}, true)).toEqual([0, 16_000]);
  });

  it('finds a better order than shortest first where two links cross', () => {
    // 1 stands in the way of both others, which could run side by side.
    const moves = [
      migration(1, { gigabytes: 1, serial: true }),
      migration(2, { source: 0, destination: 2, gigabytes: 1.1 }),
      migration(3, { source: 2, destination: 1, gigabytes: 1.1 }),
    ];
    const first = planSchedule(world(moves), { rounds: 0 });
    const best = planSchedule(world(moves), { rounds: 200 });
    expect(verifyLive(world(moves), best)).toEqual([]);
    expect(first.cost).toBeCloseTo(8 + 16.8 + 16.8, 6);
    expect(best.cost).toBeCloseTo(8.8 + 8.8 + 16.8, 6);
  });

  it('starts one when those before it have left its host, by every class that it needs', () => {
    const needs = { MEMORY_MB: 1000, VCPU: 4 };
    const hosts = ['a', 'b', 'c'].map((name) => ({ name, free: { MEMORY_MB: 9000, VCPU: 4 }, mostLeaving: 8 }));
    const moves = [
      migration(1, { needs, running: true, source: 1, destination: 2, gigabytes: 2 }),
      migration(2, { needs, gigabytes: 1 }),
      migration(3, { needs, gigabytes: 1, turn: 1 }),
    ];
    const plan = planSchedule(world(moves, { hosts }));
    expect(times(plan)).toEqual([
      [0, 16_000],
      [0, 8000],
      [16_000, 24_000],
    ]);
    expect(plan.migrations.map(({ destination }) => destination)).toEqual([2, 1, 1]);
  });

  it('takes for one that Nova is to place the roomiest host, and waits while none of its hosts has room', () => {
    const hosts = [0, 1000, 2000].map((free, at) => ({ name: `${at}`, free: { MEMORY_MB: free }, mostLeaving: 8 }));
    const placed = (id: number) => migration(id, { choices: [1, 2], destination: 1, links: [0] });
    const leaves = migration(5, { source: 1, destination: 0, needs: {}, running: true });
    const plan = planSchedule(world([1, 2, 3, 4].map(placed).concat(leaves), { hosts }));
    expect(plan.migrations.map(({ destination }) => destination)).toEqual([2, 1, 2, null, 0]);
    expect(plan.short).toEqual([4]);
  });

  it('calls nobody short of room who waits for one that flies, though nobody can say when that ends', () => {
    const hosts = ['a', 'b', 'c'].map((name) => ({ name, free: { MEMORY_MB: 0 }, mostLeaving: 8 }));
    const endless = migration(1, { source: 1, destination: 2, running: true, remainingMs: () => Infinity });
    const behind = migration(3, { source: 2, destination: 1 });
    const plan = planSchedule(world([endless, migration(2), behind], { hosts }));
    expect([plan.migrations.map(({ startMs }) => startMs), plan.short]).toEqual([[NOW, null, null], []]);
    expect(planSchedule(world([migration(2)], { hosts })).short).toEqual([2]);
  });

  it('gives no start to what waits for room that never comes', () => {
    const hosts = ['a', 'b', 'c'].map((name) => ({ name, free: { MEMORY_MB: 0 }, mostLeaving: 1 }));
    const swap = world([migration(1), migration(2, { source: 1, destination: 0 })], { hosts });
    const plan = planSchedule(swap);
    expect(plan.migrations.map(({ startMs }) => startMs)).toEqual([null, null]);
    expect(verifyLive(swap, plan)).toEqual([]);
  });
});

describe('verifyLive', () => {
  const good = world([migration(1, { priority: 'low' }), migration(2, { priority: 'high' })]);
  const plan = planSchedule(good);
  const changed = (change: (plan: LivePlan) => void) => {
    const copy = structuredClone(plan);
    change(copy);
    return verifyLive(good, copy).join('; ');
  };
  const shift = (entry: LivePlan['migrations'][number] | undefined, byMs: number) => {
    if (!entry) return;
    entry.startMs = (entry.startMs ?? 0) + byMs;
    entry.endMs = (entry.endMs ?? 0) + byMs;
    for (const rate of entry.rates) rate.fromMs += byMs;
  };

  it('sees a lower one that starts too soon, a rate too high, work left undone, a plan that forgot one', () => {
    expect(verifyLive(good, plan)).toEqual([]);
    expect(changed(({ migrations }) => shift(migrations[0], -8000))).toMatch(
      /1: starts beside 2 of a higher group.*of 1000000000 bit/,
    );
    expect(changed(({ migrations }) => shift(migrations[1], 20_000))).toContain('1: starts before 2');
    expect(changed(({ migrations }) => shift(migrations[0], -9000))).toContain('1: starts too soon');
    expect(
      changed(({ migrations: [, high] }) => high?.rates.splice(0, 1, { fromMs: NOW, bitsPerSecond: 2e9 })),
    ).toMatch(/2: faster than it can.*2: does 2 of its work/);
    expect(changed(({ migrations }) => migrations.pop())).toContain('not one entry for each');
  });

  it('sees a start without room, by any class, and one on a host that is none of its own', () => {
    const full = world([migration(1, { needs: { MEMORY_MB: 1000, VCPU: 4 } }), migration(2, { choices: [1, 2] })], {
      hosts: ['a', 'b', 'c'].map((name) => ({ name, free: { MEMORY_MB: 1000, VCPU: 4 }, mostLeaving: 8 })),
    });
    const right = planSchedule(full);
    expect(verifyLive(full, right)).toEqual([]);
    const elsewhere = (destination: number) => ({
      ...right,
      migrations: right.migrations.map((own) => (own.id === 2 ? { ...own, destination } : own)),
    });
    expect(verifyLive(full, elsewhere(1)).join()).toContain('no MEMORY_MB on its destination');
    expect(verifyLive(full, elsewhere(0)).join()).toContain('2: goes to a host that is none of its own');
    const fewVcpus = { ...full, hosts: full.hosts.map((host) => ({ ...host, free: { MEMORY_MB: 9000, VCPU: 3 } })) };
    expect(verifyLive(fewVcpus, right).join()).toContain('1: no VCPU on its destination');
  });
});
