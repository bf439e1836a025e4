import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Contention, Decision, Priority } from '../../../../plugin/contract.ts';
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { decide } from '../../../../plugin/controller/plan/decide.ts';
import { DecisionFacts, factsOf, worldOf } from '../../../../plugin/controller/plan/facts.ts';
import { type Foreseen, liveWorldOf, lookAhead } from '../../../../plugin/controller/plan/lookahead.ts';
import {
  contentionLevels,
  linkKey,
  plan,
  planAhead,
  refusal,
  type World,
} from '../../../../plugin/controller/plan/plan.ts';
import type { InFlightMigration } from '../../../../plugin/controller/plan/world.ts';
import type { OrderKey, StartWindow } from '../../../../plugin/policy/schema/timing.ts';
import type { Policy } from '../../../../plugin/policy/schema.ts';
import { verifyLive } from '../../../../plugin/schedule/live/verify.ts';
import type { LivePlan, LiveWorld } from '../../../../plugin/schedule/live/world.ts';
import { flying, host, NOW, queued, seedPolicy, vm, vmUuid, world } from './worlds.ts';

const RUNS = 2000;
const names = ['compute-1', 'compute-2', 'compute-3', 'compute-4'];
const seed = seedPolicy();

const priority = fc.constantFrom<Priority>('high', 'medium', 'low');
const rate = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 600e6 }));
const lossMs = fc.oneof(
  { weight: 12, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2e6 }) },
);

const seldom = fc.integer({ min: 0, max: 9 }).map((n) => n === 9);
const mostly = seldom.map((yes) => !yes);

/** Ids 1-12 are queued, 21-30 in flight; every VM lives on its own source. */
const request = fc.record({
  source: fc.constantFrom(...names),
  destination: fc.option(fc.constantFrom(...names), { freq: 4 }),
  waitedMs: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 3_600_000 })),
  priority: fc.option(priority),
  memoryBytes: fc.integer({ min: 1, max: 64e9 }),
  postCopyNever: seldom,
  paused: seldom,
  deadline: fc.option(
    fc.oneof(
      fc.constant('tomorrow'),
      fc.integer({ min: -60, max: 600 }).map((seconds) => new Date(NOW + seconds * 1000).toISOString()),
    ),
    { freq: 2 },
  ),
  deferred: fc.boolean(),
  sameVmAs: fc.option(fc.integer({ min: 1, max: 30 }), { freq: 6 }),
  vm: fc.option(fc.record({ tx: rate, rx: rate, blocked: seldom }), { freq: 8 }),
});

const running = fc.record({
  source: fc.constantFrom(...names),
  destination: fc.option(fc.constantFrom(...names), { freq: 4 }),
  priority,
  strategy: fc.constantFrom('serial' as const, 'parallel' as const),
  passed: fc.boolean(),
  reserved: fc.integer({ min: 1e6, max: 470e6 }),
});

const computeHost = fc.record({
  tx: rate,
  rx: rate,
  ageMs: fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 60_000 })),
  reachable: mostly,
  known: fc.integer({ min: 0, max: 15 }),
  permitted: mostly,
  limit: fc.integer({ min: 0, max: 3 }),
  lostMs: lossMs,
});

const few = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 2 });
const gibibytes = fc.integer({ min: 0, max: 64 });

/** NOW is a Friday, 08:00 UTC. */
const window = fc.record({
  priority: fc.subarray<Priority>(['high', 'medium', 'low'], { minLength: 1 }),
  fromMinute: fc.integer({ min: 0, max: 719 }),
  toMinute: fc.integer({ min: 720, max: 1440 }).map((minute) => minute - 719),
  days: fc.subarray([0, 1, 2, 3, 4, 5, 6], { minLength: 1 }),
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin'),
});

const policyParts = fc.record({
  caps: fc.record({ perSource: few, perDestination: few, clusterWide: few }),
  windows: fc.oneof(
    { weight: 3, arbitrary: fc.constant<StartWindow[]>([]) },
    { weight: 1, arbitrary: fc.array(window, { maxLength: 3 }) },
  ),
  order: fc.shuffledSubarray<OrderKey>(['deadline', 'predicted', 'arrival'], { minLength: 1 }),
  deadlines: fc.record({ high: few, medium: few, low: few }).map(({ high = 5, medium = null, low = null }) => ({
    defaultMs: { high: high * 1000, medium: medium && medium * 1000, low: low && low * 60_000 },
    maxMs: null,
  })),
  admission: fc.constantFrom('accept' as const, 'warn' as const, 'refuse' as const),
  postCopyGate: fc.oneof(
    { weight: 2, arbitrary: fc.constant(seed.postCopyGate) },
    {
      weight: 1,
      arbitrary: gibibytes.map((size) => ({
        ...seed.postCopyGate,
        minMemoryBytes: size * 2 ** 30,
        never: [{ name: ['vm-1'] }],
      })),
    },
  ),
  clusters: fc.constantFrom(seed.clusters, {
    ...seed.clusters,
    fuzzy: { fuzzifier: 2, tolerance: 1e-3, maxIterations: 20 },
  }),
});

const worlds: fc.Arbitrary<World> = fc
  .record({
    requests: fc.array(request, { maxLength: 12 }),
    running: fc.array(running, { maxLength: 10 }),
    hosts: fc.tuple(computeHost, computeHost, computeHost, computeHost),
    levels: fc.array(fc.constantFrom<Contention>('low', 'moderate', 'high'), { minLength: 8, maxLength: 8 }),
    cap: fc.integer({ min: 1, max: 5 }),
    noPolicy: fc.integer({ min: 0, max: 20 }),
    strict: seldom,
    more: policyParts,
  })
  .map(({ requests, running: flights, hosts, levels, cap, noPolicy, strict, more }) => {
    const queue = requests.map((r, index) => {
      const own = queued(index + 1, {
        source: r.source,
        destination: r.destination,
        receivedAtMs: NOW - r.waitedMs,
        paused: r.paused,
        deferred: r.deferred,
        ...(r.priority ? { priority: r.priority } : {}),
        ...(r.sameVmAs ? { vmUuid: vmUuid(r.sameVmAs) } : {}),
      });
      const never = r.postCopyNever ? { 'drover:postcopy': 'never' } : {};
      const deadline = r.deadline === null ? {} : { 'drover:deadline': r.deadline };
      const metadata = { ...own.server.metadata, ...never, ...deadline };
      return {
        ...own,
        server: { ...own.server, memoryBytes: r.memoryBytes, metadata },
      };
    });
    const inFlight = flights.map((f, index) => {
      const own = flying(21 + index, f);
      if (f.passed) return { ...own, decision: null };
      const classes = {
        migration: { rateBitsPerSecond: 480e6 - f.reserved, ceilBitsPerSecond: 480e6, prio: 1 },
        workload: { rateBitsPerSecond: f.reserved, ceilBitsPerSecond: 480e6, prio: 2 },
      };
      return {
        ...own,
        decision: { ...(own.decision as Decision), reservation: { sourceTx: classes, destinationRx: null } },
      };
    });
    const entries = names.map((name, index) => {
      const h = hosts[index] as (typeof hosts)[0];
      const vms = requests.flatMap((r, i) =>
        r.vm && r.source === name
          ? [
              vm(i + 1, {
                txBitsPerSecond: r.vm.tx,
                rxBitsPerSecond: r.vm.rx,
                postCopyBlockers: r.vm.blocked ? ['VFIO'] : [],
              }),
            ]
          : [],
      );
      const whole = host(name, {
        tx: h.tx,
        rx: h.rx,
        vms,
        ageMs: h.ageMs,
        reachable: h.reachable,
        linkLostAtMs: h.lostMs === null ? null : NOW - h.lostMs,
        reserved: inForce(inFlight, name),
        info: { maxConcurrentLiveMigrations: h.limit, postCopy: { permitted: h.permitted, reason: '' } },
      });
      return [name, h.known === 0 ? { ...whole, info: null, sample: null } : whole] as const;
    });
    const { admission, ...rest } = more;
    const keys = names.flatMap((name) => [linkKey(name, 'tx'), linkKey(name, 'rx')]);
    return world({
      policy:
        noPolicy === 0
          ? null
          : {
              ...seed,
              ...rest,
              deadlines: { ...more.deadlines, admission },
              strict,
              caps: { parallelPerLink: cap, ...more.caps },
            },
      queue,
      inFlight,
      hosts: Object.fromEntries(entries),
      previousContention: new Map(keys.map((key, index) => [key, levels[index] ?? 'low'])),
    });
  });

describe('plan, in random worlds', { timeout: 60_000 }, () => {
  it('breaks no rule of the independent check, and starts exactly what the plan that looks ahead starts now', () => {
    fc.assert(
      fc.property(worlds, (w) => {
        const { actions, ahead, failure } = planAhead(w);
        const holds = actions.flatMap((action) =>
          action.kind === 'hold' ? [`${action.id} ${action.reason.text}`] : [],
        );
        expect(checkPlan(w, actions), holds.join('; ')).toEqual([]);
        expect(failure).toBeNull();
        if (!ahead) return;
        const started = actions.flatMap(({ id, kind }) => (kind === 'start' ? [id] : []));
        const foreseen = [...ahead.byId.values()].flatMap(({ id, running, startAtMs }) =>
          !running && startAtMs === w.nowMs ? [id] : [],
        );
        expect(started.sort((a, b) => a - b)).toEqual(foreseen.sort((a, b) => a - b));
      }),
      { numRuns: RUNS },
    );
  });

  it('knows of one alone whether it is refused, as whoever waits or runs beside it changes nothing in that', () => {
    fc.assert(
      fc.property(worlds, (drawn) => {
        const w = { ...drawn, policy: drawn.policy && { ...drawn.policy, batchWindowMs: 0 } };
        const refused = plan(w).flatMap((action) => (action.kind === 'refuse' ? [[action.id, action.reason]] : []));
        const alone = w.queue.flatMap((migration) => {
          const reason = refusal({ ...w, queue: [] }, migration);
          return reason ? [[migration.id, reason]] : [];
        });
        expect(new Map(alone as [number, unknown][])).toEqual(new Map(refused as [number, unknown][]));
      }),
      { numRuns: 500 },
    );
  });

  it('decides without looking ahead where that fails, by the same rules, and says why', () => {
    const blind = () => {
      throw new Error('no foresight');
    };
    fc.assert(
      fc.property(worlds, (w) => {
        const { actions, ahead, failure } = planAhead(w, blind);
        expect(checkPlan(w, actions)).toEqual([]);
        expect([ahead, failure]).toEqual([null, w.policy ? 'no foresight' : null]);
      }),
      { numRuns: 500 },
    );
  });

  it('looks ahead by a plan that its own verifier accepts, with an end for each or the reason why not', () => {
    fc.assert(
      fc.property(worlds, (w) => {
        let live: LiveWorld | null = null;
        const { ahead } = planAhead(w, (...asked) => {
          live = liveWorldOf(...asked).live;
          return lookAhead(...asked);
        });
        if (!ahead || !live) return;
        const foreseen = [...ahead.byId.values()];
        expect(verifyLive(live, livePlanOf(w, foreseen))).toEqual([]);
        for (const { startAtMs, endAtMs, reason, running } of foreseen) {
          expect((startAtMs === null || !Number.isFinite(endAtMs.value)) === (reason !== null)).toBe(true);
          expect(endAtMs.low <= endAtMs.value && endAtMs.value <= endAtMs.high).toBe(true);
          if (!running && startAtMs !== null) expect(startAtMs).toBeGreaterThanOrEqual(w.nowMs);
        }
      }),
      { numRuns: 600 },
    );
  });

  it('is the same to the byte, in whatever order queue, flights and hosts come, and leaves the world alone', () => {
    fc.assert(
      fc.property(worlds, (w) => {
        const before = JSON.stringify([w, [...w.hosts]]);
        const first = written(w);
        const turned = {
          ...w,
          queue: [...w.queue].reverse(),
          inFlight: [...w.inFlight].reverse(),
          hosts: new Map([...w.hosts].reverse()),
        };
        expect(written(turned)).toBe(first);
        expect(JSON.stringify([w, [...w.hosts]])).toBe(before);
      }),
      { numRuns: 500 },
    );
  });

  it('decides the same again from the facts that are recorded of a start', () => {
    fc.assert(
      fc.property(worlds, (w) => {
        for (const migration of w.policy ? w.queue : []) {
          const kept = DecisionFacts.parse(JSON.parse(JSON.stringify(factsOf(w, migration))));
          const then = worldOf(kept, w.policy as Policy);
          expect(decide(then.world, w.policy as Policy, then.migration)).toEqual(
            decide(w, w.policy as Policy, migration),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it('reaches every kind of action, every reason to hold, every technique', () => {
    const seen = new Set<string>();
    for (const w of fc.sample(worlds, { numRuns: 2000, seed: 7 })) {
      for (const action of plan(w)) {
        seen.add(action.kind === 'hold' ? action.reason.code : action.kind);
        if (action.kind === 'start') seen.add(action.decision.technique).add(action.decision.strategy);
      }
    }
    const caps = ['source-cap', 'destination-cap', 'cluster-cap', 'window'];
    const holds = [
      ...caps,
      'batch-window',
      'vm-busy',
      'higher-runs',
      'higher-waits',
      'older-waits',
      'serial-busy',
      'nova-limit',
      'link-cap',
    ];
    const decided = ['pre-copy', 'post-copy', 'hybrid-copy', 'serial', 'parallel'];
    expect([...seen].sort()).toEqual(['adjust', 'pass', 'refuse', 'start', ...holds, ...decided].sort());
  });
});

describe('plan, run to the end', { timeout: 60_000 }, () => {
  /** Plays plans forward every 5 s; each migration takes the given time, arrivals come at theirs. */
  function play(
    arrivals: { atMs: number; priority: Priority; lastsMs: number }[],
    untilMs: number,
  ): Map<number, number> {
    const startedAtMs = new Map<number, number>();
    let queue: World['queue'] = [];
    let inFlight: World['inFlight'] = [];
    let previousContention: World['previousContention'] = new Map();
    for (let t = 0; t <= untilMs; t += 5000) {
      const ended = (id: number) => (startedAtMs.get(id) ?? t) + (arrivals[id - 1]?.lastsMs ?? 0) <= t;
      inFlight = inFlight.filter(({ id }) => !ended(id));
      const arrived = arrivals.flatMap((a, index) =>
        a.atMs === t ? [queued(index + 1, { priority: a.priority, receivedAtMs: NOW + t })] : [],
      );
      queue = [...queue, ...arrived];
      const base = world({ queue, inFlight, previousContention });
      const hosts = new Map([...base.hosts].map(([name, h]) => [name, { ...h, sampleAtMs: NOW + t }]));
      const w = { ...base, nowMs: NOW + t, hosts };
      const actions = plan(w);
      expect(checkPlan(w, actions)).toEqual([]);
      for (const action of actions) {
        if (action.kind !== 'start') continue;
        startedAtMs.set(action.id, t);
        const { decision } = action;
        inFlight = [...inFlight, ...queue.filter(({ id }) => id === action.id).map((q) => ({ ...q, decision }))];
      }
      queue = queue.filter(({ id }) => !startedAtMs.has(id));
      previousContention = contentionLevels(w);
    }
    return startedAtMs;
  }

  it('starves nobody: a low one among endless high ones starts soon after maxWait', () => {
    const endless = Array.from({ length: 300 }, (_, index) => ({
      atMs: index * 10_000,
      priority: 'high' as const,
      lastsMs: 25_000,
    }));
    const started = play([{ atMs: 0, priority: 'low', lastsMs: 60_000 }, ...endless], 3_000_000);
    const waited = started.get(1) ?? Number.POSITIVE_INFINITY;
    expect(waited).toBeGreaterThanOrEqual(seed.maxWaitMs);
    expect(waited).toBeLessThanOrEqual(seed.maxWaitMs + 30_000);
  });

  it('starts everything, highs first', () => {
    const started = play(
      (['low', 'medium', 'high'] as const).map((p) => ({ atMs: 0, priority: p, lastsMs: 5000 })),
      60_000,
    );
    expect([...started.keys()]).toEqual([3, 2, 1]);
  });
});

/** As hostd would tell it of the leases of these flights: one of them, whichever. */
function inForce(flights: readonly InFlightMigration[], name: string) {
  const leaving = flights.find(({ source }) => source === name);
  const arriving = flights.find(({ destination }) => destination === name);
  return {
    tx: leaving?.decision?.reservation.sourceTx ?? null,
    rx: arriving?.decision?.reservation.destinationRx ?? null,
  };
}

/** Everything that is decided and foreseen, to the byte. */
function written(w: World): string {
  const { actions, ahead } = planAhead(w);
  return JSON.stringify([actions, ahead?.order, [...(ahead?.byId.values() ?? [])]]);
}

function livePlanOf({ nowMs }: World, foreseen: readonly Foreseen[]): LivePlan {
  const migrations = foreseen.map(({ id, running, startAtMs, endAtMs: { value }, rates, lateMs }) => ({
    id,
    startMs: running ? nowMs : startAtMs,
    endMs: Number.isFinite(value) ? value : null,
    rates,
    lateMs: Number.isFinite(lateMs) ? lateMs : 0,
  }));
  return { migrations, order: [], cost: 0 };
}
