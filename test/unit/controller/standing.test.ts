import { describe, expect, it } from 'vitest';
import { BUSY_AT_MOST_MS, standing } from '../../../plugin/controller/standing.ts';
import type { ServerDetails } from '../../../plugin/nova/control.ts';

const SERVER: ServerDetails = {
  name: 'vm-1',
  projectId: 'project',
  flavorName: 'm256',
  memoryBytes: 2 ** 28,
  metadata: {},
  imageId: null,
  availabilityZone: 'nova',
  status: 'ACTIVE',
  taskState: null,
  locked: false,
  host: 'compute-1',
};
const NOW_MS = 1_800_000_000_000;

function judge(change: Partial<ServerDetails> | null, host: string | null = 'compute-2', roles = ['admin']) {
  const waiting = { source: 'compute-1', request: { host }, server: { requesterRoles: roles } };
  return standing(waiting, change && { ...SERVER, ...change }, null, NOW_MS);
}

describe('standing', () => {
  it.each([{}, { status: 'PAUSED' }])('is ready for %o', (change) => {
    expect(judge(change)).toEqual({ kind: 'ready' });
  });

  it.each<[string, Partial<ServerDetails> | null, string | null]>([
    ['server-gone', null, null],
    ['server-gone', { taskState: 'deleting' }, null],
    ['server-gone', { taskState: 'soft-deleting', locked: true }, null],
    ['server-gone', { status: 'SOFT_DELETED' }, null],
    ['server-state', { status: 'SHUTOFF' }, null],
    ['server-state', { status: 'SUSPENDED' }, null],
    ['server-state', { status: 'VERIFY_RESIZE', host: 'compute-2' }, 'compute-2'],
    ['server-state', { status: 'ERROR' }, null],
    ['server-state', { host: null }, null],
    ['already-moved', { host: 'compute-2' }, null],
    ['already-there', { host: 'compute-2' }, 'compute-2'],
  ])('is the end, %s, for %o', (code, change, host) => {
    expect(judge(change, host)).toMatchObject({ kind: 'ended', reason: { code } });
  });

  it('plans anew from where the server is, if the wish is for a third host', () => {
    expect(judge({ host: 'compute-3' })).toMatchObject({ kind: 'moved', source: 'compute-3' });
  });

  it.each([
    [['admin'], 'ready'],
    [['manager'], 'ended'],
    [[], 'ended'],
  ])('of a locked server is, for the roles %o, %s', (roles, kind) => {
    expect(judge({ locked: true }, 'compute-2', roles).kind).toBe(kind);
  });

  it('of a locked server ends where the roles of the caller were not kept', () => {
    const waiting = { source: 'compute-1', request: { host: null }, server: {} };
    expect(standing(waiting, { ...SERVER, locked: true }, null, NOW_MS)).toMatchObject({
      kind: 'ended',
      reason: { code: 'server-locked' },
    });
  });

  it('waits for the end of a task, whatever else the server is meanwhile, but not for ever', () => {
    const waiting = { source: 'compute-1', request: { host: null }, server: { requesterRoles: ['admin'] } };
    const resizing = { ...SERVER, status: 'RESIZE', taskState: 'resize_migrating', host: 'compute-3' };
    for (const [sinceMs, kind] of [
      [null, 'busy'],
      [NOW_MS - BUSY_AT_MOST_MS + 1, 'busy'],
      [NOW_MS - BUSY_AT_MOST_MS, 'ended'],
    ] as const) {
      expect(standing(waiting, resizing, sinceMs, NOW_MS)).toMatchObject({ kind, reason: { code: 'server-busy' } });
    }
  });
});
