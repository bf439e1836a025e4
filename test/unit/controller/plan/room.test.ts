import { describe, expect, it } from 'vitest';
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { planAhead } from '../../../../plugin/controller/plan/plan.ts';
import { freeNow } from '../../../../plugin/controller/plan/room.ts';
import type { HostRoom, Room, World } from '../../../../plugin/controller/plan/world.ts';
import { flying, host, NOW, queued, seedPolicy, vm, vmUuid, world } from './worlds.ts';

const GUEST = { MEMORY_MB: 256, VCPU: 1 };

/** Free memory of each host, in MB, with vCPUs for everybody; each of the VMs holds 256 MB. */
function room(free: Record<string, number | Partial<HostRoom>>, change: Partial<Room> = {}): Room {
  const hosts = Object.entries(free).map(([name, own]): [string, HostRoom] => {
    const given = typeof own === 'number' ? { free: { MEMORY_MB: own, VCPU: 16 } } : own;
    return [name, { free: { MEMORY_MB: 0, VCPU: 16 }, zone: 'nova', accepts: true, ...given }];
  });
  const holds = new Map(Array.from({ length: 9 }, (_, at) => [vmUuid(at), GUEST]));
  return { hosts: new Map(hosts), holds, settled: new Set(), arrived: [], ...change };
}

/** Three hosts that may each send four at a time. */
function three(change: Partial<World>): World {
  const names = ['compute-1', 'compute-2', 'compute-3'];
  const hosts = names.map((name) => {
    const vms = (change.queue ?? []).filter(({ source }) => source === name).map(({ id }) => vm(id));
    return [name, host(name, { vms, info: { maxConcurrentLiveMigrations: 4 } })] as const;
  });
  return { ...world({ ...change, hosts: Object.fromEntries(hosts) }), policy: change.policy ?? seedPolicy() };
}

/** What happens to each now, and in how many seconds it is to start. */
function decided(w: World): Record<number, string> {
  const { actions, ahead } = planAhead(w);
  expect(checkPlan(w, actions)).toEqual([]);
  return Object.fromEntries(
    actions.map((action) => {
      const startAtMs = ahead?.byId.get(action.id)?.startAtMs ?? null;
      const seconds = startAtMs === null ? 'never' : Math.ceil((startAtMs - NOW) / 1000);
      if (action.kind === 'hold')
        return [action.id, `${action.reason.code}, ${seconds === 'never' ? seconds : 'later'}`];
      const never = action.kind === 'start' && action.decision.reasons.find(({ code }) => code === 'room-never');
      return [action.id, never ? 'start without room' : action.kind];
    }),
  );
}

describe('the room of destinations', () => {
  it('holds what does not fit now until others have left the host, and foresees when', () => {
    const leaves = {
      ...flying(3, { source: 'compute-2', destination: 'compute-3' }),
      server: { memoryBytes: 2 ** 28 },
    };
    const w = three({ queue: [queued(1)], inFlight: [leaves], room: room({ 'compute-2': 128 }) });
    expect(decided(w)).toMatchObject({ 1: 'no-room, later' });
    const [reason] = planAhead(w).actions.flatMap((action) => (action.kind === 'hold' ? [action.reason.text] : []));
    expect(reason).toBe('compute-2 has MEMORY_MB 128 of 256: it waits until others have left');
  });

  it('gives the room to as many as it holds, the others wait for one that is to leave', () => {
    const queue = [queued(1), queued(2), queued(3, { source: 'compute-2', destination: 'compute-3' })];
    const w = three({ queue, room: room({ 'compute-2': 256, 'compute-3': 256 }) });
    expect(decided(w)).toEqual({ 1: 'start', 2: 'no-room, later', 3: 'start' });
  });

  it('counts vCPUs and any other class, and takes what is not told for what there is', () => {
    const few = room({ 'compute-2': { free: { MEMORY_MB: 4096, VCPU: 0 } } });
    const leaves = flying(3, { source: 'compute-2', destination: 'compute-3' });
    // Of this flight nobody can say when it ends.
    expect(decided(three({ queue: [queued(1)], inFlight: [leaves], room: few }))).toMatchObject({
      1: 'no-room, never',
    });
    const untold = room({ 'compute-3': 0 });
    expect(decided(three({ queue: [queued(1)], room: untold }))).toEqual({ 1: 'start' });
    expect(decided(three({ queue: [queued(1)], room: null }))).toEqual({ 1: 'start' });
  });

  it('leaves what nothing gives room to Nova, with the reason', () => {
    const swap = [queued(1), queued(2, { source: 'compute-2', destination: 'compute-1' })];
    const full = room({ 'compute-1': 0, 'compute-2': 0 });
    expect(decided(three({ queue: swap, room: full }))).toEqual({ 1: 'start without room', 2: 'start without room' });
    const [start] = planAhead(three({ queue: [queued(1)], room: full })).actions;
    expect(start).toMatchObject({
      kind: 'start',
      decision: {
        reasons: expect.arrayContaining([
          {
            code: 'room-never',
            text: 'compute-2 has MEMORY_MB 0 of 256, and nothing that is planned frees more: Nova decides',
          },
        ]),
      },
    });
  });

  it('keeps one that Nova is to place waiting only while none of the hosts has room', () => {
    const queue = [queued(1, { destination: null })];
    const some = room({ 'compute-1': 0, 'compute-2': 0, 'compute-3': 256 });
    expect(decided(three({ queue, room: some }))).toEqual({ 1: 'start' });
    const disabled = room({ 'compute-2': 0, 'compute-3': { free: GUEST, accepts: false } });
    const leaves = flying(3, { source: 'compute-2', destination: 'compute-3' });
    expect(decided(three({ queue, inFlight: [leaves], room: disabled }))).toMatchObject({ 1: 'no-room, never' });
    const two = [...queue, queued(2, { destination: null, source: 'compute-2' })];
    expect(decided(three({ queue: two, room: room({ 'compute-1': 0, 'compute-2': 0, 'compute-3': 256 }) }))).toEqual({
      1: 'start',
      2: 'no-room, later',
    });
  });

  it('counts what is on its way once: by itself until Placement counts it', () => {
    const coming = [flying(1), flying(2), flying(3, { destination: null })].map((flight) => ({
      ...flight,
      server: { memoryBytes: 2 ** 28 },
    }));
    const free = (change: Partial<Room>) =>
      Object.fromEntries(
        [...freeNow(three({ inFlight: coming, room: room({ 'compute-2': 1024, 'compute-3': 2048 }, change) }))].map(
          ([name, { MEMORY_MB }]) => [name, MEMORY_MB],
        ),
      );
    // Nova has not said where the third goes: to the roomiest, as it weighs.
    expect(free({})).toEqual({ 'compute-2': 512, 'compute-3': 1792 });
    expect(free({ settled: new Set([vmUuid(1), vmUuid(3)]) })).toEqual({ 'compute-2': 768, 'compute-3': 2048 });
    const arrived = [{ vmUuid: vmUuid(8), host: 'compute-2', needs: GUEST }];
    expect(free({ settled: new Set([1, 2, 3].map(vmUuid)), arrived })).toEqual({ 'compute-2': 768, 'compute-3': 2048 });
  });

  it('lets nobody wait for room where nobody can look ahead', () => {
    const w = three({ queue: [queued(1)], room: room({ 'compute-2': 0 }) });
    const { actions } = planAhead(w, () => {
      throw new Error('blind');
    });
    expect(actions.map(({ kind }) => kind)).toEqual(['start']);
  });
});
