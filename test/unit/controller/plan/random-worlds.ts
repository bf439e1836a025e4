/** Random worlds of the controller: what the properties of the plan are tried on, in the tests and in the bench. */

import type { VmSample } from 'drover-hostd/contract';
import fc from 'fast-check';
import type { Contention, Decision, Priority } from '../../../../plugin/contract.ts';
import { decide } from '../../../../plugin/controller/plan/decide.ts';
import type { HostRoom, InFlightMigration, Room, World } from '../../../../plugin/controller/plan/world.ts';
import { linkKey } from '../../../../plugin/controller/plan/world.ts';
import type { Switches } from '../../../../plugin/policy/schema/switches.ts';
import type { OrderKey, StartWindow } from '../../../../plugin/policy/schema/timing.ts';
import type { Policy } from '../../../../plugin/policy/schema.ts';
import { shippedPolicy } from '../../../bench/techniques/shipped.ts';
import { flying, host, NOW, queued, seedPolicy, vm, vmUuid, world } from './worlds.ts';

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

/** How many hosts further the destination is; 0, its source itself, is seldom asked for. */
const step = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 3 }) },
  { weight: 1, arbitrary: fc.constant(0) },
);
const place = fc.record({ source: fc.nat(3), step: fc.option(step, { freq: 5 }) }).map(({ source, step: further }) => ({
  source: names[source] as string,
  destination: further === null ? null : (names[(source + further) % 4] as string),
}));

const dirtyBytesPerSecond = fc.oneof(fc.constant(null), fc.constant(0), fc.integer({ min: 1e5, max: 60e6 }));
const memoryBytes = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 64e6, max: 16e9 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 64e9 }) },
);

/** Ids 1-12 are queued, 21-30 in flight; every VM lives on its own source. */
const request = fc.record({
  place,
  waitedMs: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 3_600_000 })),
  priority: fc.option(priority),
  memoryBytes,
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
  choosable: fc.boolean(),
  sameVmAs: fc.oneof(
    { weight: 9, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 30 }) },
  ),
  vm: fc.option(fc.record({ tx: rate, rx: rate, blocked: seldom, dirty: dirtyBytesPerSecond }), { freq: 8 }),
});

const running = fc.record({
  place,
  priority,
  strategy: fc.constantFrom('serial' as const, 'parallel' as const),
  passed: fc.boolean(),
  reserved: fc.integer({ min: 1e6, max: 470e6 }),
  memoryBytes: fc.option(memoryBytes, { freq: 5 }),
  /** It was decided with a prediction. */
  predicted: mostly,
  dirty: dirtyBytesPerSecond,
  sinceMs: fc.integer({ min: 0, max: 120_000 }),
  /** What it was held to before. */
  limit: fc.option(fc.integer({ min: 1e6, max: 470e6 })),
  /** What its source's hostd sees of the stream. */
  sentShare: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
});

const computeHost = fc.record({
  tx: rate,
  rx: rate,
  ageMs: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 5000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 60_000 }) },
  ),
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

/** Of hosts that Placement does not tell of, of full ones, and of roomy ones. */
const roomOfHost = fc.option(
  fc.record({
    memoryMb: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 400_000 })),
    vcpus: fc.constantFrom(0, 4, 64, 64),
    accepts: mostly,
    zone: fc.constantFrom(null, 'a', 'a', 'b'),
  }),
  { freq: 6 },
);
const room = fc.record({
  hosts: fc.tuple(roomOfHost, roomOfHost, roomOfHost, roomOfHost),
  holds: fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }),
  settled: fc.array(fc.integer({ min: 21, max: 30 }), { maxLength: 5 }),
  arrived: fc.array(fc.constantFrom(...names), { maxLength: 2 }),
});
type Told = typeof room extends fc.Arbitrary<infer T> ? T : never;

function roomOf({ hosts, holds, settled, arrived }: Told, requests: readonly { memoryBytes: number }[]): Room {
  const needs = (id: number) => ({ MEMORY_MB: Math.ceil((requests[id - 1]?.memoryBytes ?? 4e9) / 2 ** 20), VCPU: 2 });
  const known = hosts.flatMap((own, at): [string, HostRoom][] => {
    if (own === null) return [];
    const free = { MEMORY_MB: own.memoryMb, VCPU: own.vcpus };
    return [[names[at] ?? '', { free, zone: own.zone, accepts: own.accepts }]];
  });
  return {
    hosts: new Map(known),
    holds: new Map(holds.map((id) => [vmUuid(id), needs(id)])),
    settled: new Set(settled.map(vmUuid)),
    arrived: arrived.map((name, at) => ({ vmUuid: vmUuid(50 + at), host: name, needs: needs(50) })),
  };
}

/** Of their hosts some are not there, some switches have all of them below, some stand above others. */
const aSwitch = fc.record({
  hosts: fc.oneof(
    fc.subarray(['compute-1', 'compute-2', 'compute-3', 'compute-4', 'compute-9'], { minLength: 1 }),
    fc.constantFrom<string[]>(['compute-*'], ['*-1', '*-3'], ['compute-?', 'other']),
  ),
  migrationBitsPerSecond: fc.constantFrom(10e6, 40e6, 150e6, 600e6, 2e9),
});
const switches = fc
  .array(aSwitch, { maxLength: 3 })
  .map(
    (all): Switches =>
      Object.fromEntries(all.map((own, at) => [`switch-${at}`, { ...own, capacityBitsPerSecond: 10e9 }])),
  );

const policyParts = fc.record({
  switches,
  caps: fc.record({ perSource: few, perDestination: few, clusterWide: few }),
  windows: fc.oneof(
    { weight: 3, arbitrary: fc.constant<StartWindow[]>([]) },
    { weight: 1, arbitrary: fc.array(window, { maxLength: 3 }) },
  ),
  order: fc.shuffledSubarray<OrderKey>(['deadline', 'predicted', 'arrival'], { minLength: 1 }),
  deadlines: fc.record({ high: few, medium: few, low: few }).map(({ high = 5, medium = null, low = null }) => ({
    defaultMs: { high: high * 15_000, medium: medium && medium * 60_000, low: low && low * 300_000 },
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
  technique: fc.constantFrom(seed.technique, shippedPolicy('default.yaml').technique),
  clusters: fc.constantFrom(seed.clusters, {
    ...seed.clusters,
    fuzzy: { fuzzifier: 2, tolerance: 1e-3, maxIterations: 20 },
  }),
});

/**
 * Four hosts, some silent or stale, up to ten migrations in flight and twelve queued, of which some share a VM, and any
 * order, caps, windows, deadlines and gates of a policy; sometimes there is no policy.
 */
export const randomWorlds: fc.Arbitrary<World> = fc
  .record({
    requests: fc.array(request, { maxLength: 12 }),
    running: fc.oneof(fc.array(running, { maxLength: 3 }), fc.array(running, { maxLength: 10 })),
    hosts: fc.tuple(computeHost, computeHost, computeHost, computeHost),
    levels: fc.array(fc.constantFrom<Contention>('low', 'moderate', 'high'), { minLength: 8, maxLength: 8 }),
    cap: fc.integer({ min: 1, max: 5 }),
    noPolicy: fc.integer({ min: 0, max: 20 }),
    strict: seldom,
    more: policyParts,
    room: fc.option(room),
    arriving: fc.array(
      fc.integer({ min: 0, max: 3000 }).map((ms) => NOW - ms),
      { maxLength: 2 },
    ),
    destination: fc.constantFrom('keep' as const, 'least-contended' as const),
  })
  .map(
    ({ requests, running: flights, hosts, levels, cap, noPolicy, strict, more, room: told, destination, arriving }) => {
      const queue = requests.map((r, index) => {
        const own = queued(index + 1, {
          ...r.place,
          receivedAtMs: NOW - r.waitedMs,
          paused: r.paused,
          deferred: r.deferred,
          choosable: r.choosable && r.place.destination === null,
          ...(r.priority ? { priority: r.priority } : {}),
          ...(r.sameVmAs ? { vmUuid: vmUuid(r.sameVmAs) } : {}),
        });
        const never = r.postCopyNever ? { 'drover:postcopy': 'never' } : {};
        const deadline = r.deadline === null ? {} : { 'drover:deadline': r.deadline };
        const metadata = { ...own.server.metadata, ...never, ...deadline };
        return { ...own, server: { ...own.server, memoryBytes: r.memoryBytes, metadata } };
      });
      const { admission, ...rest } = more;
      const policy = {
        ...seed,
        ...rest,
        deadlines: { ...more.deadlines, admission },
        strict,
        destination,
        caps: { parallelPerLink: cap, ...more.caps },
      };
      const hostsWith = (inFlight: readonly InFlightMigration[]) =>
        names.map((name, index) => {
          const h = hosts[index] as (typeof hosts)[0];
          const whole = host(name, {
            tx: h.tx,
            rx: h.rx,
            vms: [
              ...requests.flatMap((r, at) =>
                r.vm && r.place.source === name ? [guest(at + 1, r.memoryBytes, r.vm)] : [],
              ),
              ...flights.flatMap((f, at) => (f.place.source === name ? [guest(21 + at, f.memoryBytes ?? 0, f)] : [])),
            ],
            ageMs: h.ageMs,
            reachable: h.reachable,
            linkLostAtMs: h.lostMs === null ? null : NOW - h.lostMs,
            reserved: inForce(inFlight, name),
            info: { maxConcurrentLiveMigrations: h.limit, postCopy: { permitted: h.permitted, reason: '' } },
          });
          return [name, h.known === 0 ? { ...whole, info: null, sample: null } : whole] as const;
        });
      const before = world({ policy, hosts: Object.fromEntries(hostsWith([])) });
      const inFlight = flights.map((f, index) => flightOf(before, policy, f, 21 + index));
      const keys = names.flatMap((name) => [linkKey(name, 'tx'), linkKey(name, 'rx')]);
      return {
        ...before,
        policy: noPolicy === 0 ? null : policy,
        queue,
        arriving,
        inFlight,
        hosts: new Map(hostsWith(inFlight)),
        previousContention: new Map(keys.map((key, index) => [key, levels[index] ?? 'low'])),
        ...(told ? { room: roomOf(told, requests) } : {}),
      };
    },
  );

interface Guest {
  tx: number;
  rx: number;
  blocked: boolean;
  dirty: number | null;
}

function guest(id: number, bytes: number, { tx = 0, rx = 0, blocked = false, dirty = null }: Partial<Guest>): VmSample {
  const dirtyWindows = dirty === null ? [] : [{ windowMs: 1000, bytesPerSecond: dirty, measuredAtMs: NOW }];
  const rates = { txBitsPerSecond: tx, rxBitsPerSecond: rx };
  return vm(id, { ...rates, memoryBytes: bytes, dirtyWindows, postCopyBlockers: blocked ? ['VFIO'] : [] });
}

function flightOf(
  before: World,
  policy: Policy,
  f: typeof running extends fc.Arbitrary<infer Drawn> ? Drawn : never,
  id: number,
): InFlightMigration {
  const { priority: group, strategy, memoryBytes: bytes, sentShare } = f;
  const own = flying(id, { ...f.place, priority: group, strategy });
  const server = queued(id).server;
  const classes = {
    migration: { rateBitsPerSecond: 480e6 - f.reserved, ceilBitsPerSecond: 480e6, prio: 1 },
    workload: { rateBitsPerSecond: f.reserved, ceilBitsPerSecond: 480e6, prio: 2 },
  };
  const decided = f.predicted
    ? decide(before, policy, queued(id, { ...f.place, server: { ...server, memoryBytes: bytes ?? 0 } }))
    : (own.decision as Decision);
  const limit = f.limit === null ? {} : { streamBitsPerSecond: f.limit };
  const reservation = { sourceTx: classes, destinationRx: null, ...limit };
  return {
    ...own,
    decision: f.passed ? null : { ...decided, priority: group, strategy, reservation },
    submittedAtMs: NOW - f.sinceMs,
    ...(bytes === null ? {} : { server: { memoryBytes: bytes } }),
    stream:
      sentShare === null || bytes === null
        ? null
        : { transferredBytes: sentShare * bytes, remainingBytes: (1 - sentShare) * bytes },
  };
}

/** As hostd would tell it of the leases of these flights: one of them, whichever. */
function inForce(flights: readonly InFlightMigration[], name: string) {
  const leaving = flights.find(({ source }) => source === name);
  const arriving = flights.find(({ destination }) => destination === name);
  return {
    tx: leaving?.decision?.reservation.sourceTx ?? null,
    rx: arriving?.decision?.reservation.destinationRx ?? null,
  };
}
