import { OpenStackError, type Resources } from 'openstack-client-ts';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { PlacementCalls } from '../../../plugin/placement/look.ts';
import { type Mover, RoomWatch } from '../../../plugin/placement/watch.ts';

const HELD = { MEMORY_MB: 256, VCPU: 1 };
const log = pino({ level: 'silent' });

/** A Placement of two hosts in memory. */
class PlacementDouble {
  used: Record<string, number> = { 'compute-1': 1, 'compute-2': 0 };
  /** Provider that a server holds its place on. */
  places: Record<string, string> = { a: 'compute-1', b: 'compute-1' };
  looks = 0;
  asked: string[] = [];
  failure: OpenStackError | null = null;
  /** Happens right after the room was told. */
  looked: () => void = () => {};
  /** Answers wait for this. */
  gate: Promise<void> = Promise.resolve();

  calls(): PlacementCalls {
    const names = ['compute-1', 'compute-2'];
    const answer = async <T>(value: () => T): Promise<T> => {
      await this.gate;
      if (this.failure) throw this.failure;
      return value();
    };
    const placement = {
      resourceProviders: () => answer(() => names.map((name) => ({ uuid: name, name, rootUuid: name }))),
      allocationCandidates: () =>
        answer(() => {
          this.looks += 1;
          const told = names.map((uuid) => ({
            uuid,
            rootUuid: uuid,
            capacity: { MEMORY_MB: 1024, VCPU: 16 },
            used: { MEMORY_MB: 256 * (this.used[uuid] ?? 0), VCPU: this.used[uuid] ?? 0 },
          }));
          this.looked();
          return told;
        }),
      allocations: (server: string) =>
        answer((): Map<string, Resources> => {
          this.asked.push(server);
          const place = this.places[server];
          return new Map(place === undefined ? [] : [[place, HELD]]);
        }),
    };
    return {
      placement: placement as unknown as PlacementCalls['placement'],
      hypervisors: () => answer(() => names.map((name) => ({ hostname: name, host: name }) as never)),
      computeServices: () =>
        answer(() =>
          names.map((host) => ({ host, status: 'enabled', state: 'up', zone: null, forcedDown: false }) as const),
        ),
    };
  }
}

const mover = (vmUuid: string, id = 1): Mover => ({ id, vmUuid, source: 'compute-1', destination: 'compute-2' });
const free = (watch: RoomWatch) => watch.room()?.hosts.get('compute-2')?.free.MEMORY_MB;

describe('RoomWatch', () => {
  it('knows the room and what a server holds when a request of it is ready', async () => {
    const double = new PlacementDouble();
    const watch = new RoomWatch({ calls: double.calls(), changed: () => {}, log });
    expect(watch.room()).toBeNull();
    await Promise.all([watch.ready('a'), watch.ready('b')]);
    expect(watch.room()?.holds).toEqual(
      new Map([
        ['a', HELD],
        ['b', HELD],
      ]),
    );
    expect(free(watch)).toBe(1024);
    const { looks } = double;
    await watch.ready('a');
    expect([looks <= 2, double.looks]).toEqual([true, looks]);
  });

  it('looks while something waits, at most one at a time, and says when the room has changed', async () => {
    const double = new PlacementDouble();
    let changes = 0;
    const watch = new RoomWatch({ calls: double.calls(), changed: () => changes++, log });
    watch.round([], [mover('a')]);
    await watch.stop();
    expect(double.looks).toBe(0);
    for (let n = 0; n < 5; n++) watch.round([mover('a')], []);
    await watch.stop();
    expect([double.looks, changes, double.asked]).toEqual([1, 1, ['a']]);
    double.used['compute-2'] = 4;
    await expect
      .poll(() => {
        watch.round([mover('a')], []);
        return free(watch);
      })
      .toBe(0);
    expect(changes).toBe(2);
  });

  it('calls one on its way settled once it holds its place at the destination, and not before', async () => {
    const double = new PlacementDouble();
    const watch = new RoomWatch({ calls: double.calls(), changed: () => {}, log });
    const round = () => watch.round([mover('b', 2)], [mover('a')]);
    round();
    await watch.stop();
    expect(watch.room()).toMatchObject({ settled: new Set(), arrived: [] });
    double.places.a = 'compute-2';
    double.used['compute-2'] = 1;
    const isSettled = () => {
      round();
      return watch.room()?.settled.has('a');
    };
    await expect.poll(isSettled).toBe(true);
    expect(free(watch)).toBe(768);
  });

  it('asks for the free room again where a server took its place while it was asked', async () => {
    const double = new PlacementDouble();
    const watch = new RoomWatch({ calls: double.calls(), changed: () => {}, log });
    // Nova's scheduler is faster than the second question.
    double.looked = () => {
      double.places.a = 'compute-2';
      double.used['compute-2'] = 1;
    };
    watch.round([mover('b', 2)], [mover('a')]);
    await watch.stop();
    expect([watch.room()?.settled.has('a'), free(watch), double.looks]).toEqual([true, 768, 2]);
  });

  it('still counts one that has ended until a look that began after its end', async () => {
    const double = new PlacementDouble();
    const watch = new RoomWatch({ calls: double.calls(), changed: () => {}, log });
    watch.round([mover('b', 2)], [mover('a')]);
    await watch.stop();
    const gate = Promise.withResolvers<void>();
    double.gate = gate.promise;
    watch.round([mover('b', 2)], []);
    expect(watch.room()?.arrived).toEqual([{ vmUuid: 'a', host: 'compute-2', needs: HELD }]);
    double.places.a = 'compute-2';
    double.used['compute-2'] = 1;
    gate.resolve();
    const arrived = () => {
      watch.round([mover('b', 2)], []);
      return watch.room()?.arrived;
    };
    await expect.poll(arrived).toEqual([]);
    expect(free(watch)).toBe(768);
  });

  it('is without effect where Placement is not there, and keeps no request waiting', async () => {
    const double = new PlacementDouble();
    double.failure = new OpenStackError('catalogue-incomplete', 'no endpoint of placement');
    const watch = new RoomWatch({ calls: double.calls(), changed: () => {}, log });
    await watch.ready('a');
    watch.round([mover('a')], []);
    await watch.ready('b');
    await watch.stop();
    expect([watch.room(), double.looks]).toEqual([null, 0]);
  });

  it('keeps a request no longer than a moment where Placement hangs', async () => {
    const double = new PlacementDouble();
    const gate = Promise.withResolvers<void>();
    double.gate = gate.promise;
    const watch = new RoomWatch({ calls: double.calls(), changed: () => {}, log });
    // Placement has not answered when it resolves.
    await watch.ready('a');
    expect(watch.room()).toBeNull();
    gate.resolve();
  });
});
