/** Two simulators of the same flows: model/fluid, and the one inside the planner of live migrations (schedule/live/play). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FluidLink, type FluidMigration, type FluidWorkload, simulate } from '../../../../plugin/model/fluid.ts';
import { play } from '../../../../plugin/schedule/live/play.ts';
import type { LiveMigration, LiveWorld } from '../../../../plugin/schedule/live/world.ts';

const TOLERANCE = 1e-6;

interface Drawn {
  /** What the workload leaves of each link, and what it takes and is kept for it. */
  hosts: { free: number; workload: number }[];
  migrations: {
    source: number;
    step: number;
    megabytes: number;
    startSeconds: number;
    /** Of the narrower link, shared by as many as there are. */
    leastShare: number;
    mostShare: number;
    /** Of its least: it always ends. */
    dirtyShare: number;
    /** It runs when the plan is made. */
    running: boolean;
    /** In no group: it runs without Drover. */
    unmanaged: boolean;
  }[];
}

const share = (min: number, max: number) => fc.double({ min, max, noNaN: true });

const worlds: fc.Arbitrary<Drawn> = fc.record({
  hosts: fc.array(fc.record({ free: fc.constantFrom(1e8, 4.75e8, 9.5e9), workload: fc.constantFrom(0, 0, 5e7, 4e8) }), {
    minLength: 2,
    maxLength: 5,
  }),
  migrations: fc.array(
    fc.record({
      source: fc.nat(4),
      step: fc.nat(3),
      megabytes: fc.integer({ min: 1, max: 16_000 }),
      startSeconds: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300 })),
      leastShare: share(0.01, 1),
      mostShare: fc.oneof(fc.constant(1), share(0.1, 1)),
      dirtyShare: fc.oneof(fc.constant(0), share(0, 0.9)),
      running: fc.boolean(),
      unmanaged: fc.boolean(),
    }),
    { minLength: 1, maxLength: 10 },
  ),
});

/** The same flows for both: no groups, no limits but the links, promises that the links can keep. */
function bothOf({ hosts, migrations }: Drawn) {
  const flows = migrations.map((drawn, at) => {
    const source = drawn.source % hosts.length;
    const destination = (source + 1 + (drawn.step % (hosts.length - 1))) % hosts.length;
    const narrower = Math.min(hosts[source]?.free ?? 0, hosts[destination]?.free ?? 0);
    const most = drawn.mostShare * narrower;
    const least = Math.min(most, (drawn.leastShare * narrower) / migrations.length);
    const startMs = drawn.running ? 0 : 1000 * drawn.startSeconds;
    const links = [2 * source, 2 * destination + 1];
    const dirty = drawn.dirtyShare * least;
    return {
      ...drawn,
      id: at + 1,
      source,
      destination,
      links,
      most,
      least,
      dirty,
      startMs,
      bits: 8e6 * drawn.megabytes,
    };
  });
  const live: LiveWorld = {
    nowMs: 0,
    maxWaitMs: 1e12,
    links: hosts.flatMap(({ free }, host) =>
      ['tx', 'rx'].map((direction) => ({
        name: `${host} ${direction}`,
        bitsPerSecond: { high: free, medium: free, low: free },
        mostMigrations: Number.POSITIVE_INFINITY,
      })),
    ),
    hosts: hosts.map((_, host) => ({ name: `${host}`, free: null, mostLeaving: Number.POSITIVE_INFINITY })),
    migrations: flows.map(
      (flow): LiveMigration => ({
        id: flow.id,
        source: flow.source,
        destination: flow.destination,
        links: flow.links,
        priority: flow.running && flow.unmanaged ? null : 'medium',
        weight: 1,
        serial: false,
        receivedAtMs: 0,
        notBeforeMs: flow.startMs,
        needs: {},
        running: flow.running,
        leastBitsPerSecond: flow.least,
        mostBitsPerSecond: flow.most,
        remainingMs: (rate) =>
          rate > flow.dirty ? (1000 * flow.bits) / (rate - flow.dirty) : Number.POSITIVE_INFINITY,
      }),
    ),
  };
  // What one can use at most is a link of its own there; the workload is a flow, whose link carries that much more.
  const links: FluidLink[] = [
    ...hosts.flatMap(({ free, workload }) =>
      ['tx', 'rx'].map((name) => ({ name, capacityBitsPerSecond: free + workload })),
    ),
    ...flows.map(({ id, most }) => ({ name: `most of ${id}`, capacityBitsPerSecond: most })),
  ];
  const workloads = hosts.flatMap(({ workload }, host) =>
    [2 * host, 2 * host + 1].map((link): FluidWorkload => {
      return { links: [link], demandBitsPerSecond: workload, guaranteedBitsPerSecond: workload };
    }),
  );
  const fluid = flows.map((flow, at): FluidMigration => {
    const crossed = [...flow.links, 2 * hosts.length + at];
    return {
      links: crossed,
      copyBits: flow.bits,
      dirtyBitsPerSecond: flow.dirty,
      startMs: flow.startMs,
      reservedBitsPerSecond: flow.least,
    };
  });
  return {
    played: play(
      live,
      flows.map((_, at) => at),
    ).migrations,
    simulated: simulate({ migrations: fluid, workloads }, links, 'reserved').migrations,
  };
}

type Rates = readonly { fromMs: number; bitsPerSecond: number }[];

function rateAt(rates: Rates, atMs: number): number {
  return rates.findLast(({ fromMs }) => fromMs <= atMs)?.bitsPerSecond ?? 0;
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b));
}

/** The first moment between two changes, of either, at which the rates differ; null: there is none. */
function firstDifference(a: Rates, b: Rates, endMs: number): string | null {
  const times = [...a, ...b].map(({ fromMs }) => fromMs).concat(endMs);
  times.sort((x, y) => x - y);
  for (const [at, fromMs] of times.entries()) {
    const untilMs = times[at + 1] ?? fromMs;
    // The two tell the same moment with another last digit.
    if (isClose(fromMs, untilMs)) continue;
    const middleMs = (fromMs + untilMs) / 2;
    const [x, y] = [rateAt(a, middleMs), rateAt(b, middleMs)];
    if (!isClose(x, y)) return `${x} and ${y} bit/s at ${middleMs}`;
  }
  return null;
}

describe('play and simulate', () => {
  it('give the same flows the same starts, rates and ends', () => {
    let changes = 0;
    fc.assert(
      fc.property(worlds, (drawn) => {
        const { played, simulated } = bothOf(drawn);
        for (const [at, one] of played.entries()) {
          const other = simulated[at];
          if (!other || one.startMs === null || one.endMs === null)
            throw new Error(`${one.id}: has no start or no end`);
          expect(isClose(one.startMs, other.startMs), `${one.id} starts at ${one.startMs}, ${other.startMs}`).toBe(
            true,
          );
          expect(isClose(one.endMs, other.endMs), `${one.id} ends at ${one.endMs}, ${other.endMs}`).toBe(true);
          expect(firstDifference(one.rates, other.rates, one.endMs), `${one.id}`).toBeNull();
          changes += one.rates.length - 1;
        }
      }),
      { numRuns: 3000 },
    );
    // Not rates that are never shared.
    expect(changes).toBeGreaterThan(3000);
  });
});
