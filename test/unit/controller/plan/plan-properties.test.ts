import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../../../plugin/controller/plan/decide.ts';
import { DecisionFacts, factsOf, worldOf } from '../../../../plugin/controller/plan/facts.ts';
import { plan, planAhead, refusal } from '../../../../plugin/controller/plan/plan.ts';
import type { Policy } from '../../../../plugin/policy/schema.ts';
import { blindFaults, foresightFaults, orderFaults, planned, ruleFaults } from './faults.ts';
import { randomWorlds } from './random-worlds.ts';

const RUNS = 1000;

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
    fc.assert(
      fc.property(randomWorlds, (w) => {
        expect(blindFaults(w)).toEqual([]);
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

  it('chooses the same destination again from what is recorded of a start, and Nova does under keep', () => {
    let chosen = 0;
    fc.assert(
      fc.property(randomWorlds, fc.boolean(), (drawn, keeps) => {
        const destination = keeps ? ('keep' as const) : ('least-contended' as const);
        // Few are drawn without a destination.
        const queue = drawn.queue.map((each) =>
          each.id % 2 === 0 ? each : { ...each, destination: null, choosable: true },
        );
        const w = { ...drawn, queue, policy: drawn.policy && { ...drawn.policy, destination } };
        for (const action of planAhead(w).actions) {
          const migration = queue.find(({ id }) => id === action.id);
          if (action.kind !== 'start' || !migration || !w.policy) continue;
          const host = action.decision.destination?.host ?? migration.destination;
          const begun = factsOf(w, { ...migration, destination: host }, action.choosing);
          const facts = DecisionFacts.parse(JSON.parse(JSON.stringify(begun)));
          const again = worldOf(facts, w.policy).migration;
          expect(again.destination).toBe(host);
          expect(again.placing?.choice ?? null).toEqual(action.decision.destination ?? null);
          const kept = worldOf(facts, { ...w.policy, destination: 'keep' }).migration;
          expect(kept.destination).toBe(migration.destination);
          if (action.decision.destination) chosen++;
        }
      }),
      { numRuns: 200 },
    );
    expect(chosen).toBeGreaterThan(0);
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
      'uplink-full',
      'uplink-awaited',
    ];
    const decided = ['pre-copy', 'post-copy', 'hybrid-copy', 'serial', 'parallel'];
    expect([...seen].sort()).toEqual(['adjust', 'pass', 'refuse', 'start', ...holds, ...decided].sort());
  });
});
