import { describe, expect, it } from 'vitest';
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { explainPolicy } from '../../../../plugin/controller/plan/explain.ts';
import { planAhead } from '../../../../plugin/controller/plan/plan.ts';
import type { HostRoom, QueuedMigration, World } from '../../../../plugin/controller/plan/world.ts';
import type { Policy } from '../../../../plugin/policy/schema.ts';
import { flying, host, NOW, queued, seedPolicy, vm, vmUuid, world } from './worlds.ts';

const LEAST = seedPolicy({ destination: 'least-contended' });

interface Of {
  /** Received by the workload of each host, bit/s. */
  rx?: Record<string, number>;
  room?: Record<string, Partial<HostRoom>> | null;
  policy?: Policy;
  stale?: string;
}

/** Four hosts of 500 Mbit/s with room for everybody; who is queued is on compute-1. */
function four({ rx = {}, room = {}, policy = LEAST, stale, ...change }: Of & Partial<Omit<World, 'room' | 'policy'>>) {
  const names = ['compute-1', 'compute-2', 'compute-3', 'compute-4'];
  const told = names.map((name): [string, HostRoom] => [
    name,
    { free: { MEMORY_MB: 4096, VCPU: 64 }, zone: 'nova', accepts: true, ...room?.[name] },
  ]);
  const hosts = names.map((name) => {
    const vms = (change.queue ?? []).filter(({ source }) => source === name).map(({ id }) => vm(id));
    const info = { maxConcurrentLiveMigrations: 8 };
    return [name, host(name, { vms, info, rx: rx[name] ?? 0, ageMs: name === stale ? 60_000 : 500 })] as const;
  });
  const settled = new Set((change.inFlight ?? []).map(({ vmUuid: own }) => own));
  const known = room === null ? null : { hosts: new Map(told), holds: new Map(), settled, arrived: [] };
  return { ...world({ ...change, hosts: Object.fromEntries(hosts) }), policy, room: known };
}

function wants(id: number, change: Parameters<typeof queued>[1] = {}): QueuedMigration {
  return queued(id, { destination: null, choosable: true, ...change });
}

/** Where each is to go that starts or waits with a choice. */
function chosen(w: World): Record<number, string | null> {
  const { actions } = planAhead(w);
  expect(checkPlan(w, actions)).toEqual([]);
  return Object.fromEntries(
    actions.map((action) => {
      if (action.kind === 'start') return [action.id, action.decision.destination?.host ?? null];
      return [action.id, action.kind === 'hold' ? (action.chosen ?? null) : null];
    }),
  );
}

function decisionOf(w: World) {
  const [start] = planAhead(w).actions.filter(({ kind }) => kind === 'start');
  if (start?.kind !== 'start') throw new Error('nothing starts');
  return start.decision;
}

const BUSY = { 'compute-2': 300e6, 'compute-3': 20e6, 'compute-4': 200e6 };

describe('destination: least-contended', () => {
  it('counts nobody who is refused for a deadline at the same moment', () => {
    const deadlines = { defaultMs: { high: null, medium: null, low: null }, maxMs: null, admission: 'refuse' as const };
    const policy = { ...LEAST, deadlines };
    const there = queued(2, { destination: 'compute-3', priority: 'high' });
    const late = { ...there, deadlineAtMs: NOW + 1 };
    const to = (other: QueuedMigration) => chosen(four({ rx: BUSY, policy, queue: [wants(1), other] }))[1];
    expect([to(there), to(late)]).toEqual(['compute-4', 'compute-3']);
  });

  it('names the host whose ingress link leaves most, reserves there, and tells why not the others', () => {
    const w = four({ rx: BUSY, queue: [wants(1)] });
    expect(chosen(w)).toEqual({ 1: 'compute-3' });
    const decision = decisionOf(w);
    expect(decision.reservation.destinationRx).not.toBeNull();
    expect(decision.reasons[0]).toEqual({
      code: 'destination-least-contended',
      text: 'compute-3, the least contended of 3: compute-3 rx 4 % used, nobody else comes, 480 Mbit/s each',
    });
    expect(decision.destination?.rejected.map(({ host: name, reason }) => `${name} ${reason.code}`)).toEqual([
      'compute-4 more-contended',
      'compute-2 more-contended',
    ]);
  });

  it('counts who is on the way and who was planned before, the urgent choosing first', () => {
    const queue = [1, 2, 3].map((id) => wants(id, { priority: id === 3 ? 'high' : 'medium' }));
    expect(chosen(four({ rx: BUSY, queue }))).toEqual({ 3: 'compute-3', 1: 'compute-4', 2: 'compute-2' });
    const coming = [flying(8, { destination: 'compute-3' }), flying(9, { destination: 'compute-3' })];
    expect(chosen(four({ rx: BUSY, queue: [wants(1)], inFlight: coming }))).toMatchObject({ 1: 'compute-4' });
    const named = queued(7, { destination: 'compute-3' });
    const even = { 'compute-2': 0, 'compute-3': 0, 'compute-4': 300e6 };
    expect(chosen(four({ rx: even, queue: [named, wants(1)] }))).toMatchObject({ 1: 'compute-2' });
  });

  it('takes of equally contended ones that with more memory free, then by name', () => {
    const wavering = { 'compute-2': 3e6, 'compute-3': 1e6, 'compute-4': 2e6 };
    expect(chosen(four({ rx: wavering, queue: [wants(1)] }))).toEqual({ 1: 'compute-2' });
    const room = { 'compute-4': { free: { MEMORY_MB: 8192, VCPU: 64 } } };
    expect(chosen(four({ rx: wavering, room, queue: [wants(1)] }))).toEqual({ 1: 'compute-4' });
  });

  it('never names the source, a full, disabled or unmeasured host, one in another zone or none of the candidates', () => {
    const out = (change: Of, more: Partial<QueuedMigration> = {}) =>
      chosen(four({ rx: BUSY, queue: [wants(1, more)], ...change }))[1];
    expect(out({ room: { 'compute-3': { free: { MEMORY_MB: 100, VCPU: 64 } } } })).toBe('compute-4');
    expect(out({ room: { 'compute-3': { free: { MEMORY_MB: 4096, VCPU: 0 } } } })).toBe('compute-3');
    expect(out({ room: { 'compute-3': { accepts: false } } })).toBe('compute-4');
    expect(out({ room: { 'compute-3': { zone: 'other' } } })).toBe('compute-4');
    expect(out({ stale: 'compute-3' })).toBe('compute-4');
    expect(out({}, { candidates: ['compute-2', 'compute-4'] })).toBe('compute-4');
    const rejected = decisionOf(four({ rx: BUSY, queue: [wants(1)], room: { 'compute-3': { zone: 'other' } } }))
      .destination?.rejected;
    expect(rejected?.at(-1)).toEqual({
      host: 'compute-3',
      reason: { code: 'other-zone', text: 'compute-3 is in zone other, its source in nova' },
    });
  });

  it('needs what the server holds, not its memory alone', () => {
    const w = four({ rx: BUSY, queue: [wants(1)], room: { 'compute-3': { free: { MEMORY_MB: 4096, VCPU: 0 } } } });
    const holds = new Map([[vmUuid(1), { MEMORY_MB: 256, VCPU: 1 }]]);
    expect(chosen({ ...w, room: w.room && { ...w.room, holds } })).toEqual({ 1: 'compute-4' });
  });

  it('would rather go where it need not wait than behind a higher one or into a full link', () => {
    const high = flying(8, { destination: 'compute-3', priority: 'high' });
    const even = { 'compute-2': 260e6, 'compute-3': 0, 'compute-4': 300e6 };
    expect(chosen(four({ rx: even, queue: [wants(1)], inFlight: [high] }))).toMatchObject({ 1: 'compute-2' });
    const policy = seedPolicy({ destination: 'least-contended', caps: { parallelPerLink: 4, perDestination: 1 } });
    const equal = { ...flying(8, { destination: 'compute-3' }) };
    expect(chosen(four({ rx: even, queue: [wants(1)], inFlight: [equal], policy }))).toMatchObject({ 1: 'compute-2' });
  });

  it('leaves it to Nova where nobody knows better, and says so', () => {
    const kept = (change: Of) => {
      const w = four({ rx: BUSY, queue: [wants(1)], ...change });
      expect(chosen(w)).toEqual({ 1: null });
      return decisionOf(w).reasons[0];
    };
    expect(kept({ room: null })).toMatchObject({
      code: 'destination-kept',
      text: expect.stringContaining('Placement'),
    });
    const full = { accepts: false };
    expect(kept({ room: { 'compute-2': full, 'compute-3': full, 'compute-4': full } })).toMatchObject({
      code: 'destination-kept',
      text: expect.stringContaining('nova-compute on compute-4 is disabled or down'),
    });
  });

  it('keeps a host that was asked for, and every one with keep or where Drover may not choose', () => {
    expect(chosen(four({ rx: BUSY, queue: [queued(1, { destination: 'compute-2', choosable: true })] }))).toEqual({
      1: null,
    });
    expect(chosen(four({ rx: BUSY, queue: [wants(1)], policy: seedPolicy() }))).toEqual({ 1: null });
    expect(chosen(four({ rx: BUSY, queue: [wants(1, { choosable: false })] }))).toEqual({ 1: null });
  });

  it('is told by the explanation of a policy and by the plan', () => {
    const w = four({ rx: BUSY, queue: [wants(1)] });
    const explanation = explainPolicy(w, LEAST, wants(1));
    expect(explanation).toMatchObject({ destination: 'compute-3', decision: { destination: { host: 'compute-3' } } });
    expect(planAhead(w).ahead?.byId.get(1)?.destination).toBe('compute-3');
  });
});

describe('checkPlan', () => {
  it('sees a choice that may not be made, and one that is plainly not the least contended', () => {
    const w = four({ rx: BUSY, queue: [wants(1)] });
    const { actions } = planAhead(w);
    const elsewhere = actions.map((action) =>
      action.kind === 'start'
        ? { ...action, decision: { ...action.decision, destination: { host: 'compute-2', rejected: [] } } }
        : action,
    );
    expect(checkPlan(w, elsewhere).join()).toContain('1: goes to compute-2, though compute-3 is less contended');
    expect(checkPlan({ ...w, policy: seedPolicy() }, actions).join()).toContain('its destination may not be chosen');
    const room = w.room && { ...w.room, hosts: new Map([...w.room.hosts].filter(([name]) => name !== 'compute-3')) };
    expect(checkPlan({ ...w, room }, actions).join()).toContain('1: compute-3 may not take it');
  });
});
