import { describe, expect, it } from 'vitest';
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { plan, type World } from '../../../../plugin/controller/plan/plan.ts';
import type { QueuedMigration } from '../../../../plugin/controller/plan/world.ts';
import { host, NOW, queued, seedPolicy, vm, world } from './worlds.ts';

type Mode = 'accept' | 'warn' | 'refuse';
const FREE = { high: null, medium: null, low: null };

const withAdmission = (mode: Mode, more = {}) =>
  seedPolicy({ deadlines: { defaultMs: FREE, maxMs: null, admission: mode }, ...more });

/** 160 MB on an idle 480 Mbit/s link take about 3 s, and Nova 1 s before. */
function due(id: number, inSeconds: number, change: Parameters<typeof queued>[1] = {}): QueuedMigration {
  const own = queued(id, change);
  const deadline = new Date(NOW + inSeconds * 1000).toISOString();
  return { ...own, server: { ...own.server, metadata: { ...own.server.metadata, 'drover:deadline': deadline } } };
}

function checked(w: World) {
  const actions = plan(w);
  expect(checkPlan(w, actions)).toEqual([]);
  return actions;
}

describe('deadlines in a plan', () => {
  it('starts the earlier deadline first, whatever the arrival', () => {
    const queue = [due(1, 600, { priority: 'low' }), due(2, 300, { priority: 'low' })];
    const hosts = {
      'compute-1': host('compute-1', { tx: 400e6, vms: [vm(1), vm(2)] }),
      'compute-2': host('compute-2'),
    };
    const actions = checked(world({ queue, hosts, policy: seedPolicy() }));
    expect(actions.map(({ id, kind }) => [id, kind])).toEqual([
      [2, 'start'],
      [1, 'hold'],
    ]);
  });

  it.each([
    ['accept', 1, 'start', null],
    ['warn', 1, 'start', 'deadline-unreachable'],
    ['refuse', 1, 'refuse', null],
    ['warn', 120, 'start', null],
    ['refuse', 120, 'start', null],
  ] as const)('with admission %s and %i s left for 4 s of work: %s', (mode, seconds, kind, warning) => {
    const [action] = checked(world({ queue: [due(1, seconds)], policy: withAdmission(mode) }));
    expect(action?.kind).toBe(kind);
    if (action?.kind === 'start') {
      expect(action.warning?.code ?? null).toBe(warning);
      expect(action.decision.reasons.some(({ code }) => code === warning)).toBe(warning !== null);
    }
    if (action?.kind === 'refuse')
      expect(action.reason.text).toMatch(/cannot be over before \d{4}-.*ask for that time/);
  });

  it('does not refuse any more what has its 202', () => {
    const queue = [due(1, 1, { deferred: true })];
    const [action] = checked(world({ queue, policy: withAdmission('refuse') }));
    expect(action).toMatchObject({ kind: 'start', warning: { code: 'deadline-unreachable' } });
  });

  it('refuses what its window lets start only after the deadline, with the time of the window', () => {
    // NOW is a Friday, 08:00 UTC.
    const windows = [
      { priority: ['medium' as const], fromMinute: 1200, toMinute: 1380, days: [0, 1, 2, 3, 4, 5, 6], timeZone: 'UTC' },
    ];
    const policy = withAdmission('refuse', { windows });
    const [action] = checked(world({ queue: [due(1, 3600, { priority: 'medium' })], policy }));
    expect(action?.kind).toBe('refuse');
    const opens = new Date(NOW);
    opens.setUTCHours(20, 0, 0, 0);
    expect(action && 'reason' in action && action.reason.text).toContain(opens.toISOString().slice(0, 15));
  });

  it('keeps nobody waiting for one that is refused', () => {
    const hosts = {
      'compute-1': host('compute-1', { tx: 400e6, vms: [vm(1), vm(2)] }),
      'compute-2': host('compute-2'),
    };
    const queue = [due(1, 0.5, { priority: 'high' }), queued(2, { priority: 'low' })];
    const actions = checked(world({ queue, hosts, policy: withAdmission('refuse') }));
    expect(actions.map(({ id, kind }) => [id, kind])).toEqual([
      [1, 'refuse'],
      [2, 'start'],
    ]);
  });

  it('says that a deadline cannot be predicted where nothing is measured, and refuses nothing for it', () => {
    const hosts = { 'compute-1': host('compute-1', { ageMs: 60_000 }), 'compute-2': host('compute-2') };
    const [action] = checked(world({ queue: [due(1, 60)], hosts, policy: withAdmission('refuse') }));
    expect(action).toMatchObject({ kind: 'start', warning: { code: 'deadline-unpredicted' } });
  });
});
