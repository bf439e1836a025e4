import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Figures } from '../../../plugin/api/figures.ts';
import type { Notice } from '../../../plugin/contract.ts';
import { type GuardParts, HELD_AT_MOST_MS, PlanGuard } from '../../../plugin/controller/guard.ts';
import { type Action, plan, type World } from '../../../plugin/controller/plan/plan.ts';
import { flying, host, NOW, queued, vm, world } from './plan/worlds.ts';

const names = ['compute-1', 'compute-2', 'compute-3', 'compute-4'];
const free = world({
  queue: [queued(1), queued(2, { source: 'compute-3', destination: 'compute-4' })],
  hosts: Object.fromEntries(names.map((name) => [name, host(name, { vms: [vm(1), vm(2)] })])),
});
/** Migration 1 may not start here. */
const busy = { ...free, inFlight: [flying(9, { strategy: 'serial', destination: 'compute-5' })] };
const started = plan(free).sort((a, b) => a.id - b.id);

function guardOf(check?: GuardParts['check']) {
  const notices: Omit<Notice, 'id'>[] = [];
  const errors: string[] = [];
  const figures = new Figures();
  const log = pino({ base: null }, { write: (line: string) => errors.push(JSON.parse(line).msg) });
  const tell = async (notice: Omit<Notice, 'id'>) => {
    notices.push(notice);
  };
  return { guard: new PlanGuard({ figures, log, tell, ...(check ? { check } : {}) }), notices, errors, figures };
}

/** The same with samples that are as fresh. */
function later(w: World, byMs: number): World {
  const hosts = new Map([...w.hosts].map(([name, own]) => [name, { ...own, sampleAtMs: own.sampleAtMs + byMs }]));
  return { ...w, nowMs: NOW + byMs, hosts };
}

function kinds(actions: readonly Action[]): string[] {
  return actions.map(({ kind, id }) => `${kind} ${id}`);
}

describe('PlanGuard', () => {
  it('lets a plan that keeps the rules through as it is', () => {
    const { guard, notices, errors } = guardOf();
    expect(guard.guarded(free, started)).toBe(started);
    expect([notices, errors]).toEqual([[], []]);
  });

  it('holds a start that breaks a rule, with the reason, and nothing else; tells of it once', () => {
    const { guard, notices, errors, figures } = guardOf();
    const actions = guard.guarded(busy, started);
    expect(kinds(actions)).toEqual(['hold 1', 'start 2']);
    expect(actions[0]).toMatchObject({
      reason: { code: 'plan-broken', text: expect.stringContaining('1: runs beside 9, one of them serial') },
    });
    for (let seconds = 1; seconds < HELD_AT_MOST_MS / 1000; seconds++) {
      expect(kinds(guard.guarded(later(busy, 1000 * seconds), started))).toEqual(['hold 1', 'start 2']);
    }
    expect(figures.breaches).toBe(1);
    expect(errors).toHaveLength(1);
    expect(notices).toMatchObject([{ code: 'plan-broken', details: ['1: runs beside 9, one of them serial'] }]);
  });

  it('keeps nothing for ever: after 30 s it starts as the planner has it', () => {
    const { guard } = guardOf();
    guard.guarded(busy, started);
    expect(kinds(guard.guarded(later(busy, HELD_AT_MOST_MS), started))).toEqual(['start 1', 'start 2']);
  });

  it('counts anew when a round between broke nothing', () => {
    const { guard, figures } = guardOf();
    guard.guarded(busy, started);
    guard.guarded(later(free, 20_000), started);
    expect(kinds(guard.guarded(later(busy, HELD_AT_MOST_MS), started))).toEqual(['hold 1', 'start 2']);
    expect(figures.breaches).toBe(2);
  });

  it('holds a refusal that may not be, and only tells of what waits for nothing', () => {
    const reason = { code: '', text: '' };
    const { guard, figures } = guardOf();
    const refusing: Action[] = [
      { kind: 'refuse', id: 1, reason },
      { kind: 'hold', id: 2, untilMs: null, reason, warning: null },
    ];
    const actions = guard.guarded(free, refusing);
    expect(kinds(actions)).toEqual(['hold 1', 'hold 2']);
    expect(actions[1]).toBe(refusing[1]);
    expect(figures.breaches).toBe(2);
  });

  it('carries a plan out as it is where it cannot be verified', () => {
    const { guard, errors } = guardOf(() => {
      throw new Error('no check');
    });
    expect(guard.guarded(busy, started)).toBe(started);
    expect(errors).toEqual(['a plan cannot be verified: it is carried out as it is']);
  });
});
