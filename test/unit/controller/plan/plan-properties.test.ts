import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Priority } from '../../../../plugin/contract.ts';
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { decide } from '../../../../plugin/controller/plan/decide.ts';
import { DecisionFacts, factsOf, worldOf } from '../../../../plugin/controller/plan/facts.ts';
import { contentionLevels, plan, planAhead, refusal, type World } from '../../../../plugin/controller/plan/plan.ts';
import type { Policy } from '../../../../plugin/policy/schema.ts';
import { foresightFaults, orderFaults, planned, ruleFaults } from './faults.ts';
import { randomWorlds } from './random-worlds.ts';
import { NOW, queued, seedPolicy, world } from './worlds.ts';

const RUNS = 1000;
const seed = seedPolicy();

describe('plan, in random worlds', { timeout: 60_000 }, () => {
  it('breaks no rule of the independent check, and starts exactly what the plan that looks ahead starts now', () => {
    fc.assert(
      fc.property(randomWorlds, (w) => {
        const decided = planAhead(w);
        const holds = decided.actions.flatMap((action) =>
          action.kind === 'hold' ? [`${action.id} ${action.reason.text}`] : [],
        );
        expect(ruleFaults(w, decided), holds.join('; ')).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it('knows of one alone whether it is refused, as whoever waits or runs beside it changes nothing in that', () => {
    fc.assert(
      fc.property(randomWorlds, (drawn) => {
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
      fc.property(randomWorlds, (w) => {
        const { actions, ahead, failure } = planAhead(w, blind);
        expect(checkPlan(w, actions)).toEqual([]);
        expect([ahead, failure]).toEqual([null, w.policy ? 'no foresight' : null]);
      }),
      { numRuns: 500 },
    );
  });

  it('looks ahead by a plan that its own verifier accepts, with an end for each or the reason why not', () => {
    fc.assert(
      fc.property(randomWorlds, (w) => {
        expect(foresightFaults(w, planned(w))).toEqual([]);
      }),
      { numRuns: 600 },
    );
  });

  it('is the same to the byte, in whatever order queue, flights and hosts come, and leaves the world alone', () => {
    fc.assert(
      fc.property(randomWorlds, (w) => {
        const before = JSON.stringify([w, [...w.hosts]]);
        expect(orderFaults(w, planAhead(w))).toEqual([]);
        expect(JSON.stringify([w, [...w.hosts]])).toBe(before);
      }),
      { numRuns: 500 },
    );
  });

  it('decides the same again from the facts that are recorded of a start', () => {
    fc.assert(
      fc.property(randomWorlds, (w) => {
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
    for (const w of fc.sample(randomWorlds, { numRuns: 2000, seed: 7 })) {
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
      'no-room',
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
