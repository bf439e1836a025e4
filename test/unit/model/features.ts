/** Features of a migration for tests: a guest of 256 MB on links of 480 Mbit/s without reservation. */
import fc from 'fast-check';
import type { LinkFeatures, MigrationFeatures } from '../../../plugin/model/features.ts';

export function link(change: Partial<LinkFeatures> = {}): LinkFeatures {
  return { capacityBitsPerSecond: 480e6, workloadBitsPerSecond: 0, reservation: null, otherMigrations: 0, ...change };
}

export function features(change: Partial<MigrationFeatures> = {}): MigrationFeatures {
  return {
    memoryBytes: 256e6,
    usedBytes: null,
    dirtyWindows: [{ windowMs: 1000, bytesPerSecond: 0 }],
    sourceTx: link(),
    destinationRx: link(),
    reverseUtilisation: 0,
    vm: { txBitsPerSecond: 0, rxBitsPerSecond: 0 },
    downtimeLimitMs: 300,
    timeoutMs: null,
    timeoutAction: 'abort',
    streamLimitBitsPerSecond: null,
    ...change,
  };
}

export function reserved(
  capacity: number,
  workloadShare: number,
  migrationFirst: boolean,
): LinkFeatures['reservation'] {
  const workload = capacity * workloadShare;
  return {
    migration: {
      rateBitsPerSecond: capacity - workload,
      ceilBitsPerSecond: capacity,
      prio: migrationFirst ? 1 : 2,
    },
    workload: { rateBitsPerSecond: workload, ceilBitsPerSecond: capacity, prio: migrationFirst ? 2 : 1 },
  };
}

const anyLink = (capacity: number) =>
  fc
    .record({
      load: fc.double({ min: 0, max: 1.05, noNaN: true }),
      share: fc.option(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { nil: null }),
      first: fc.boolean(),
      otherMigrations: fc.integer({ min: 0, max: 4 }),
    })
    .map(({ load, share, first, otherMigrations }) =>
      link({
        capacityBitsPerSecond: capacity,
        workloadBitsPerSecond: load * capacity,
        reservation: share === null ? null : reserved(capacity, share, first),
        otherMigrations,
      }),
    );

/** Anything that hostd could report. */
export const anyFeatures: fc.Arbitrary<MigrationFeatures> = fc
  .record({
    capacity: fc.double({ min: 10e6, max: 100e9, noNaN: true }),
    memoryBytes: fc.integer({ min: 2 ** 20, max: 2 ** 40 }),
  })
  .chain(({ capacity, memoryBytes }) =>
    fc.record({
      memoryBytes: fc.constant(memoryBytes),
      usedBytes: fc.option(fc.integer({ min: 0, max: memoryBytes }), { nil: null }),
      dirtyWindows: fc.array(
        fc.record({
          windowMs: fc.constantFrom(250, 1000, 4000, 10_000),
          bytesPerSecond: fc.double({ min: 0, max: 20e9, noNaN: true }),
        }),
        { maxLength: 4 },
      ),
      sourceTx: anyLink(capacity),
      destinationRx: anyLink(capacity),
      reverseUtilisation: fc.double({ min: 0, max: 1, noNaN: true }),
      vm: fc.record({
        txBitsPerSecond: fc.double({ min: 0, max: capacity, noNaN: true }),
        rxBitsPerSecond: fc.double({ min: 0, max: capacity, noNaN: true }),
      }),
      downtimeLimitMs: fc.integer({ min: 1, max: 5000 }),
      timeoutMs: fc.option(fc.integer({ min: 1000, max: 10_000_000 }), { nil: null }),
      timeoutAction: fc.constantFrom('abort', 'post-copy', 'pause'),
      streamLimitBitsPerSecond: fc.option(fc.double({ min: 1e6, max: 100e9, noNaN: true }), { nil: null }),
    }),
  );
