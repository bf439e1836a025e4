import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { explainPolicy } from '../../../../plugin/controller/plan/explain.ts';
import { type Action, planAhead, type World } from '../../../../plugin/controller/plan/plan.ts';
import { whatIf } from '../../../../plugin/controller/plan/whatif.ts';
import type { Switches } from '../../../../plugin/policy/schema/switches.ts';
import { randomWorlds } from './random-worlds.ts';
import { flying, host, queued, SHAPEABLE, seedPolicy, vm, world } from './worlds.ts';

const MBIT = 1e6;

/** compute-1 and -2 stand below the rack's switch, compute-3 and -4 do not. */
function rack(megabits: number): Switches {
  return {
    rack: {
      hosts: ['compute-1', 'compute-2'],
      capacityBitsPerSecond: 1e9,
      migrationBitsPerSecond: megabits * MBIT,
    },
  };
}

interface Given {
  megabits: number;
  parallel?: number;
  silent?: string[];
}

function rackWorld(given: Given, change: Partial<Omit<World, 'hosts' | 'policy'>> = {}): World {
  const { megabits, parallel = 4, silent = [] } = given;
  const guests = [...(change.queue ?? []), ...(change.inFlight ?? [])];
  const hosts = ['compute-1', 'compute-2', 'compute-3', 'compute-4'].map((name) => {
    const vms = guests.filter(({ source }) => source === name).map(({ id }) => vm(id));
    return [name, host(name, { vms, reachable: !silent.includes(name) })] as const;
  });
  const policy = seedPolicy({ switches: rack(megabits), caps: { parallelPerLink: parallel } });
  return world({ ...change, policy, hosts: Object.fromEntries(hosts) });
}

function limitsOf(actions: readonly Action[]): Record<number, number | null> {
  return Object.fromEntries(
    actions.flatMap((action) => {
      if (action.kind === 'start') return [[action.id, action.decision.reservation.streamBitsPerSecond ?? null]];
      return action.kind === 'adjust' ? [[action.id, action.reservation.streamBitsPerSecond ?? null]] : [];
    }),
  );
}

/** What is asked of QEMU, whose limit lets a tenth more pass. */
const held = (megabits: number) => Math.floor((megabits * MBIT) / 1.1);

const up = (id: number, change: Parameters<typeof queued>[1] = {}) =>
  queued(id, { source: `compute-${1 + (id % 2)}`, destination: `compute-${3 + (id % 2)}`, ...change });

describe('Two migrations over one uplink', () => {
  it('share it, each held to its part at its source, and both say so', () => {
    const w = rackWorld({ megabits: 200 }, { queue: [up(1), up(2)] });
    const { actions, ahead } = planAhead(w);
    expect(checkPlan(w, actions)).toEqual([]);
    expect(limitsOf(actions)).toEqual({ 1: held(100), 2: held(100) });
    for (const action of actions) {
      if (action.kind !== 'start') throw new Error(`${action.id} does not start`);
      const { reservation, reasons } = action.decision;
      // tc holds what a guest in post-copy asks for beyond QEMU's limit.
      expect(reservation.sourceTx?.migration.ceilBitsPerSecond).toBe(100 * MBIT);
      expect(reasons).toContainEqual({
        code: 'uplink-share',
        text: 'held to 100 Mbit/s, its share of what switches have for migrations: rack up (200 Mbit/s)',
      });
    }
    expect([...(ahead?.byId.values() ?? [])].map(({ rates }) => rates[0]?.bitsPerSecond)).toEqual([1e8, 1e8]);
  });

  it('go one after the other where a link takes one at a time, and the one that waits names the switch', () => {
    const w = rackWorld({ megabits: 200, parallel: 1 }, { queue: [up(1), up(2)] });
    const { actions, ahead } = planAhead(w);
    expect(checkPlan(w, actions)).toEqual([]);
    expect(limitsOf(actions)).toEqual({ 1: held(200) });
    expect(actions).toContainEqual(
      expect.objectContaining({
        kind: 'hold',
        id: 2,
        reason: {
          code: 'uplink-full',
          text: 'rack up has 200 Mbit/s for migrations (switches), and what crosses it leaves too little of that for one more',
        },
      }),
    );
    expect(ahead?.byId.get(2)?.startAtMs).toBe(ahead?.byId.get(1)?.endAtMs.value);
  });

  it('do not meet if they go opposite ways, or one stays in the rack, or both are outside', () => {
    const down = queued(2, { source: 'compute-3', destination: 'compute-2' });
    const { actions } = planAhead(rackWorld({ megabits: 200, parallel: 1 }, { queue: [up(1), down] }));
    expect(limitsOf(actions)).toEqual({ 1: held(200), 2: held(200) });
    const inside = queued(2, { source: 'compute-1', destination: 'compute-2' });
    const outside = queued(4, { source: 'compute-4', destination: 'compute-3' });
    const others = planAhead(rackWorld({ megabits: 200, parallel: 1 }, { queue: [up(1), inside, outside] }));
    expect(limitsOf(others.actions)).toEqual({ 1: held(200), 2: null, 4: null });
  });

  it('are held to nothing on an uplink that carries both at the rate of their hosts', () => {
    const { actions } = planAhead(rackWorld({ megabits: 960 }, { queue: [up(1), up(2)] }));
    expect(limitsOf(actions)).toEqual({ 1: null, 2: null });
  });
});

describe('A migration over an uplink', () => {
  it('is slowed to its least for one of a higher priority, and not aborted', () => {
    const low = flying(9, { priority: 'low', source: 'compute-2', destination: 'compute-4' });
    const w = rackWorld({ megabits: 200 }, { queue: [up(2, { priority: 'high' })], inFlight: [low] });
    const { actions } = planAhead(w);
    expect(checkPlan(w, actions)).toEqual([]);
    expect(limitsOf(actions)).toEqual({ 2: held(190), 9: held(10) });
    const cut = actions.find((action) => action.kind === 'adjust');
    expect(cut?.kind === 'adjust' && cut.reservation).toMatchObject({
      sourceTx: { migration: { rateBitsPerSecond: 4.8 * MBIT, ceilBitsPerSecond: 10 * MBIT } },
      streamReason: { code: 'uplink-share', text: expect.stringContaining('rack up (200 Mbit/s)') },
    });
  });

  it('is cut by as little as must be, and given more only where that is worth a call on its host', () => {
    const alone = rackWorld({ megabits: 200 }, { queue: [up(1)] });
    const [started] = planAhead(alone).actions;
    if (started?.kind !== 'start') throw new Error('it does not start');
    const { destination: _, ...decision } = started.decision;
    const flight = flying(1, { source: 'compute-2', destination: 'compute-4', decision });
    const withUplink = (megabits: number) => planAhead(rackWorld({ megabits }, { inFlight: [flight] })).actions;
    expect(withUplink(200)).toEqual([]);
    expect(limitsOf(withUplink(199))).toEqual({ 1: held(199) });
    expect(withUplink(205)).toEqual([]);
    expect(limitsOf(withUplink(220))).toEqual({ 1: held(220) });
  });

  it('counts on every uplink that it may cross until Nova has chosen', () => {
    const anywhere = flying(9, { source: 'compute-3', destination: null });
    const w = rackWorld({ megabits: 200 }, { queue: [queued(1, { source: 'compute-4' })], inFlight: [anywhere] });
    expect(limitsOf(planAhead(w).actions)).toEqual({ 1: held(100), 9: held(100) });
    const chosen = { ...w, inFlight: [{ ...anywhere, destination: 'compute-4' }] };
    expect(limitsOf(planAhead(chosen).actions)).toEqual({ 1: held(200), 9: null });
  });

  it('is counted with all that it could take if Drover cannot hold it', () => {
    const unmanaged = flying(9, { source: 'compute-1', destination: 'compute-3', decision: null });
    const narrow = rackWorld({ megabits: 400 }, { queue: [up(1)], inFlight: [unmanaged] });
    expect(planAhead(narrow).actions).toMatchObject([{ kind: 'hold', id: 1, reason: { code: 'uplink-full' } }]);
    const wide = rackWorld({ megabits: 680 }, { queue: [up(1)], inFlight: [unmanaged] });
    expect(limitsOf(planAhead(wide).actions)).toEqual({ 1: held(680 - SHAPEABLE / MBIT) });
    const silent = rackWorld({ megabits: 200, silent: ['compute-1'] }, { queue: [up(2), up(1)] });
    expect(planAhead(silent).actions.map(({ id, kind }) => [id, kind])).toEqual([
      [1, 'start'],
      [2, 'hold'],
    ]);
  });

  it('is predicted at the rate that the uplink has for it', () => {
    const seconds = (megabits: number) => {
      const [start] = planAhead(rackWorld({ megabits }, { queue: [up(1)] })).actions;
      return start?.kind === 'start' ? (start.decision.prediction?.totalMigrationTimeMs.value ?? 0) / 1000 : 0;
    };
    expect(seconds(20)).toBeGreaterThan(5 * seconds(480));
  });

  it('keeps its way over uplinks when it has waited too long', () => {
    const { maxWaitMs } = seedPolicy();
    const old = up(1, { receivedAtMs: queued(1).receivedAtMs - maxWaitMs, priority: 'low' });
    const busy = { ...flying(9, { source: 'compute-2', destination: 'compute-4' }), vmUuid: old.vmUuid };
    const w = rackWorld({ megabits: 400 }, { queue: [old, up(2)], inFlight: [busy] });
    const { actions } = planAhead(w);
    expect(actions).toContainEqual(
      expect.objectContaining({ kind: 'hold', id: 2, reason: expect.objectContaining({ code: 'uplink-awaited' }) }),
    );
    expect(checkPlan(w, actions)).toEqual([]);
    const unkept = planAhead({ ...w, queue: [up(2)] }).actions.filter(({ kind }) => kind === 'start');
    const forced = [...actions.filter(({ id }) => id !== 2), ...unkept];
    expect(checkPlan(w, forced)).toContain('2: starts over an uplink that 1, which waited too long, waits for');
  });

  it('is told in what-if to delay those that cross the same uplink', () => {
    const first = rackWorld({ megabits: 50, parallel: 1 }, { queue: [up(2)] });
    const asked = up(1, { priority: 'high' });
    const vms = new Map(first.hosts);
    vms.set('compute-2', host('compute-2', { vms: [vm(1)] }));
    const answer = whatIf({ ...first, hosts: vms }, { asked: [asked], priorities: new Map() }, ({ id }) => ({
      id,
      vmName: `vm-${id}`,
    }));
    expect(answer.delayed).toMatchObject([{ id: 2 }]);
    expect(answer.migrations[0]?.rates[0]?.bitsPerSecond).toBe(50 * MBIT);
  });

  it('names the uplinks that it crosses, and where the policy says so, in policy explain', () => {
    const w = rackWorld({ megabits: 200 });
    const policy = seedPolicy({ switches: rack(200), places: { 'switches.rack': 'site.yaml:3:5' } });
    expect(explainPolicy(w, policy, up(1)).uplinks).toEqual([
      { uplink: 'rack up', path: 'switches.rack', place: 'site.yaml:3:5', migrationBitsPerSecond: 200 * MBIT },
    ]);
  });
});

describe('checkPlan finds', () => {
  it('more on an uplink than it has, whether one is held to too much or to nothing', () => {
    const w = rackWorld({ megabits: 200 }, { queue: [up(1), up(2)] });
    const spoiled = (streamBitsPerSecond: number | null) =>
      planAhead(w).actions.map((action): Action => {
        if (action.kind !== 'start' || action.id !== 2) return action;
        const reservation = { ...action.decision.reservation, streamBitsPerSecond };
        return { ...action, decision: { ...action.decision, reservation } };
      });
    expect(checkPlan(w, spoiled(held(100)))).toEqual([]);
    for (const limit of [held(101), null]) {
      expect(checkPlan(w, spoiled(limit))).toEqual(
        [1, 2].map((id) => expect.stringMatching(`^${id}: rack up has 200000000 bit/s for migrations, those on it`)),
      );
    }
  });

  it('one that runs and is not cut for another that starts', () => {
    const low = flying(9, { priority: 'low', source: 'compute-2', destination: 'compute-4' });
    const w = rackWorld({ megabits: 200 }, { queue: [up(2, { priority: 'high' })], inFlight: [low] });
    const uncut = planAhead(w).actions.filter(({ kind }) => kind !== 'adjust');
    expect(checkPlan(w, uncut)).toEqual([expect.stringMatching(/^2: rack up has 200000000 bit\/s/)]);
  });
});

describe('Switches that nothing crosses', { timeout: 60_000 }, () => {
  it('change nothing in any plan, to the byte', () => {
    fc.assert(
      fc.property(randomWorlds, (drawn) => {
        const withSwitches = (switches: Switches): World =>
          drawn.policy ? { ...drawn, policy: { ...drawn.policy, switches } } : drawn;
        const written = (w: World) => {
          const { actions, ahead } = planAhead(w);
          return JSON.stringify([actions, ahead?.order, [...(ahead?.byId.values() ?? [])]]);
        };
        const on = { capacityBitsPerSecond: 1e9, migrationBitsPerSecond: 10e6 };
        const apart = { all: { hosts: ['compute-*'], ...on }, none: { hosts: ['elsewhere-*'], ...on } };
        expect(written(withSwitches(apart))).toBe(written(withSwitches({})));
      }),
      { numRuns: 40 },
    );
  });
});

describe('What leaves a host over several uplinks', () => {
  it('is held to the same sum in whatever order it comes, though fractions add up differently', () => {
    const below = (hosts: string[], megabits: number) => ({
      hosts,
      capacityBitsPerSecond: 1e9,
      migrationBitsPerSecond: megabits * MBIT,
    });
    const leaving = (id: number, destination: string) => flying(id, { source: 'compute-1', destination });
    const inFlight = [...[1, 2, 3, 4, 5, 6].map((id) => leaving(id, 'compute-3')), leaving(7, 'compute-4')];
    for (const megabits of [10, 11, 13, 17, 19, 23, 29, 31, 37, 41]) {
      const switches = { left: below(['compute-1'], 150.7), right: below(['compute-3'], megabits) };
      const w = { ...rackWorld({ megabits: 150 }, { inFlight }), policy: seedPolicy({ switches }) };
      const turned = { ...w, inFlight: [...inFlight].reverse() };
      expect(Object.values(limitsOf(planAhead(w).actions))).toHaveLength(7);
      expect(JSON.stringify(planAhead(turned)), `${megabits}`).toBe(JSON.stringify(planAhead(w)));
    }
  });
});
