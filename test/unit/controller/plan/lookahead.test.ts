import { describe, expect, it } from 'vitest';
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { type LookAhead, roundsFor } from '../../../../plugin/controller/plan/lookahead.ts';
import { planAhead, type World } from '../../../../plugin/controller/plan/plan.ts';
import type { InFlightMigration, QueuedMigration } from '../../../../plugin/controller/plan/world.ts';
import { PRIORS } from '../../../../plugin/model/interval.ts';
import type { Policy } from '../../../../plugin/policy/schema.ts';
import { flying, host, NOW, queued, seedPolicy, vm, world } from './worlds.ts';

const BIG = 6e9;

/** Of 6 GB: 100 s at 480 Mbit/s, as nobody knows its traffic. */
function big(id: number, change: Parameters<typeof queued>[1] = {}): QueuedMigration {
  const own = queued(id, change);
  return { ...own, server: { ...own.server, memoryBytes: BIG } };
}

/** Two hosts (and a third), of which nobody has samples of the VMs: one pass over the memory counts. */
function unmeasured(queue: QueuedMigration[], more: Partial<World> & { limit?: number; tx?: number } = {}): World {
  const { limit = 0, tx = 0, ...rest } = more;
  const info = { maxConcurrentLiveMigrations: limit };
  const hosts = {
    'compute-1': host('compute-1', { info, tx }),
    'compute-2': host('compute-2', { info }),
    'compute-3': host('compute-3', { info }),
  };
  return { ...world({ queue, hosts }), ...rest };
}

/** Seconds from now of start and end, by id. */
function course(w: World): Record<number, [number | null, number | null]> {
  const { actions, ahead, failure } = planAhead(w);
  expect([checkPlan(w, actions), failure]).toEqual([[], null]);
  const seconds = (atMs: number | null) =>
    atMs === null || !Number.isFinite(atMs) ? null : Math.round((atMs - w.nowMs) / 1000);
  return Object.fromEntries(
    [...(ahead as LookAhead).byId.values()].map(({ id, startAtMs, endAtMs }) => [
      id,
      [seconds(startAtMs), seconds(endAtMs.value)],
    ]),
  );
}

const parallel = (change: Partial<Policy> = {}) =>
  seedPolicy({ stale: { ...seedPolicy().stale, strategy: 'parallel' }, ...change });

describe('looking ahead', () => {
  // Unmeasured ones are serial by the seed's stale rule; 1 s of Nova's, 100 s for 6 GB.
  it.each<[string, World, ReturnType<typeof course>]>([
    ['one', unmeasured([big(1)]), { 1: [0, 101] }],
    ['two that are serial', unmeasured([big(1), big(2)]), { 1: [0, 101], 2: [101, 202] }],
    [
      'three that are parallel share the link',
      unmeasured([big(1), big(2), big(3)], { policy: parallel() }),
      { 1: [0, 301], 2: [0, 301], 3: [0, 301] },
    ],
    [
      'three where Nova runs one at a time',
      unmeasured([big(1), big(2), big(3)], { policy: parallel(), limit: 1 }),
      { 1: [0, 101], 2: [101, 202], 3: [202, 303] },
    ],
    [
      'two with a cap of one in the cluster, on other links',
      unmeasured([big(1), big(2, { source: 'compute-2', destination: 'compute-3' })], {
        policy: parallel({ caps: { parallelPerLink: 4, clusterWide: 1 } }),
      }),
      { 1: [0, 101], 2: [101, 202] },
    ],
    [
      'a low one behind a high one on one of its links',
      unmeasured([big(1, { priority: 'low' }), big(2, { priority: 'high', source: 'compute-3' })]),
      { 1: [101, 202], 2: [0, 101] },
    ],
    ['one in its batch window', unmeasured([big(1, { receivedAtMs: NOW - 400 })]), { 1: [1, 102] }],
    [
      'two of the same VM',
      unmeasured([big(1), { ...big(2, { source: 'compute-1', destination: 'compute-3' }), vmUuid: big(1).vmUuid }], {
        policy: parallel(),
      }),
      { 1: [0, 101], 2: [101, 202] },
    ],
    [
      'an unknown destination counts for its source link only',
      unmeasured([big(1, { destination: null }), big(2, { source: 'compute-3' })]),
      { 1: [0, 101], 2: [0, 101] },
    ],
  ])('%s', (_name, w, expected) => {
    expect(course(w)).toEqual(expected);
  });

  it('ends what runs by what it has sent, and what should have ended long ago a little later than now', () => {
    const run = (more: Partial<InFlightMigration>): InFlightMigration => ({
      ...flying(9, {}),
      server: { memoryBytes: BIG },
      submittedAtMs: NOW - 41_000,
      ...more,
    });
    const end = (more: Partial<InFlightMigration>) => course(unmeasured([big(1)], { inFlight: [run(more)] }))[9]?.[1];
    expect(end({})).toBe(60);
    expect(end({ stream: { transferredBytes: 3e9, remainingBytes: 3e9 } })).toBe(50);
    // It sends again what was changed meanwhile.
    expect(end({ stream: { transferredBytes: 5.9e9, remainingBytes: 1.2e9 } })).toBe(20);
    expect(end({ submittedAtMs: NOW - 500_000 })).toBe(50);
    expect(course(unmeasured([big(1)], { inFlight: [run({ server: { memoryBytes: 0 } })] }))).toEqual({
      1: [null, null],
      9: [-41, null],
    });
  });

  it('says why nobody can tell a start or an end', () => {
    const endless = { ...flying(9, { strategy: 'serial' }), server: { memoryBytes: 0 } };
    const reasons = (w: World) =>
      Object.fromEntries(
        [...(planAhead(w).ahead as LookAhead).byId.values()].map(({ id, reason }) => [id, reason?.code]),
      );
    expect(reasons(unmeasured([big(1)], { inFlight: [endless] }))).toEqual({ 1: 'behind-endless', 9: 'never-ends' });
    const windows = [{ priority: ['medium' as const], fromMinute: 0, toMinute: 60, days: [], timeZone: 'UTC' }];
    expect(reasons(unmeasured([big(1)], { policy: seedPolicy({ windows }) }))).toEqual({ 1: 'window-never' });
  });

  it('gives an end an interval: what stands before it may take as long as it can, too', () => {
    const { ahead } = planAhead(unmeasured([big(1), big(2)]));
    const seconds = (id: number) => {
      const { low, value, high } = (ahead as LookAhead).byId.get(id)?.endAtMs ?? { low: 0, value: 0, high: 0 };
      return [low, value, high].map((atMs) => Math.round((atMs - NOW) / 1000));
    };
    // What is assumed of errors before anything is known, for both that come one after the other.
    const { low, high } = PRIORS.totalMigrationTimeMs;
    const around = (ends: number) => [Math.exp(low) * ends, ends, Math.exp(high) * ends].map(Math.round);
    expect(seconds(1)).toEqual(around(101));
    expect(seconds(2)).toEqual(around(202));
  });

  it('finds the order that ends sooner where the policy leaves it open, and keeps to the policy where not', () => {
    // 1 is the shortest, and crosses the links of the two others, which could run side by side.
    const memory = (own: QueuedMigration, memoryBytes: number) => ({ ...own, server: { ...own.server, memoryBytes } });
    const queue = [
      memory(big(1), BIG),
      memory(big(2, { destination: 'compute-3' }), 1.1 * BIG),
      memory(big(3, { source: 'compute-3' }), 1.1 * BIG),
    ];
    const first = (order: Policy['order']) => course(unmeasured(queue, { policy: seedPolicy({ order }) }))[1]?.[0];
    expect(first(['deadline', 'predicted', 'arrival'])).toBe(111);
    expect(first(['arrival'])).toBe(0);
    expect(first(['predicted', 'arrival'])).toBe(111);
    const hurried = queue.map((own) => ({ ...own, deadlineAtMs: own.id === 1 ? NOW + 3_600_000 : null }));
    expect(course(unmeasured(hurried, { policy: seedPolicy({ order: ['deadline', 'predicted'] }) }))[1]?.[0]).toBe(0);
  });

  it('lends nobody the place of one that waited too long: what has no deadline goes after what has one', () => {
    const back = { source: 'compute-2', destination: 'compute-1' };
    const aged = big(1, { receivedAtMs: NOW - 1_800_000 });
    const due = { ...big(2, back), deadlineAtMs: NOW + 3_600_000 };
    const short = { ...queued(3, back) };
    const starts = course(unmeasured([aged, due, short]));
    expect([starts[1]?.[0], starts[2]?.[0]]).toEqual([0, 0]);
    expect(starts[3]?.[0]).toBeGreaterThan(0);
  });

  it('judges a deadline by the plan: four that share a link take four times as long', () => {
    const due = { ...big(1), deadlineAtMs: NOW + 300_000 };
    const policy = parallel({
      deadlines: { defaultMs: { high: null, medium: null, low: null }, maxMs: null, admission: 'warn' },
    });
    const { ahead } = planAhead(unmeasured([due], { policy }));
    expect(ahead?.byId.get(1)).toMatchObject({ lateMs: 0, stretch: 1 });
    const crowd = planAhead(unmeasured([due, big(2), big(3), big(4)], { policy })).ahead?.byId.get(1);
    expect(crowd?.lateMs).toBeGreaterThan(90_000);
    expect(crowd?.stretch).toBeCloseTo(4, 1);
  });

  it('warns of a deadline that only the plan shows to be in danger', () => {
    const vms = [1, 2, 3].map((id) =>
      vm(id, { memoryBytes: BIG, dirtyWindows: [{ windowMs: 1000, bytesPerSecond: 1e6, measuredAtMs: NOW }] }),
    );
    const info = { maxConcurrentLiveMigrations: 1 };
    const hosts = { 'compute-1': host('compute-1', { vms, info }), 'compute-2': host('compute-2') };
    const policy = seedPolicy({
      deadlines: { defaultMs: { high: null, medium: null, low: null }, maxMs: null, admission: 'warn' },
    });
    const queue = [1, 2, 3].map((id) => ({ ...big(id), deadlineAtMs: NOW + (id === 3 ? 250_000 : 200_000) }));
    const warned = planAhead(world({ queue, hosts, policy })).actions.find(({ id }) => id === 3);
    expect(warned).toMatchObject({ kind: 'hold', warning: { code: 'deadline-behind-queue' } });
  });
});

describe('roundsFor', () => {
  it('tries all exchanges of a few, fewer the more there are, none of very many', () => {
    expect([0, 1, 2, 5, 20, 50, 200, 500].map((waiting) => roundsFor(waiting, 0))).toEqual([
      0, 0, 4, 40, 200, 40, 2, 0,
    ]);
  });

  it('tries fewer beside many that run, as each of them is played too', () => {
    expect([0, 20, 200, 400].map((running) => roundsFor(20, running))).toEqual([200, 62, 2, 0]);
  });
});
