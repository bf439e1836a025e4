import fc from 'fast-check';
import type { UplinkUse } from '../../../plugin/schedule/live/uplinks.ts';
import type { LiveMigration, LiveWindows, LiveWorld } from '../../../plugin/schedule/live/world.ts';

const NOW = 1_795_000_000_000;
const GIGABYTE = 1e9;
const GIBIBYTE_MB = 1024;

const host = fc.record({
  bitsPerSecond: fc.constantFrom(100e6, 500e6, 1e9),
  /** Null: Placement does not tell of it. */
  freeGibibytes: fc.constantFrom(0, 2, 4, 8, null),
  freeVcpus: fc.constantFrom(0, 4, 16, 16),
  /** One of five has no such device at all. */
  hasDevice: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
  mostLeaving: fc.constantFrom(1, 1, 2, Number.POSITIVE_INFINITY),
  mostMigrations: fc.constantFrom(1, 2, 4),
  workloadShare: fc.constantFrom(0, 0, 0.4),
});

const migration = fc.record({
  source: fc.nat(4),
  step: fc.integer({ min: 1, max: 4 }),
  priority: fc.constantFrom('high' as const, 'medium' as const, 'low' as const),
  serial: fc.boolean(),
  waitedMs: fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 900_000 })),
  notBefore: fc.constantFrom(null, null, null, 20_000, 300_000),
  claims: fc.boolean(),
  /** Open for 5 minutes of every 15. */
  hasWindow: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
  vm: fc.option(fc.nat(3), { freq: 1 }),
  peers: fc.constantFrom('', 'a'),
  hasGroup: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
  deadline: fc.constantFrom(null, null, 30_000, 120_000),
  gigabytes: fc.integer({ min: 1, max: 4 }),
  vcpus: fc.constantFrom(1, 2, 4),
  needsDevice: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  /** Nova chooses among so many of the other hosts; null: it has the one destination. */
  choices: fc.option(fc.integer({ min: 1, max: 4 }), { freq: 3 }),
  dirtyShare: fc.constantFrom(0, 0, 0.2, 0.5),
  leastShare: fc.constantFrom(0.05, 0.1, 0.3),
  mostShare: fc.constantFrom(1, 1, 0.5),
  running: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  /** Its source has a hostd. */
  isHeld: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
  weight: fc.constantFrom(1, 3, 10),
});

/** Which of the hosts stand below it, and what its uplink has for migrations each way. */
const aSwitch = fc.record({
  below: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  bitsPerSecond: fc.constantFrom(10e6, 60e6, 250e6, 1e9),
});
type Switch = typeof aSwitch extends fc.Arbitrary<infer Drawn> ? Drawn : never;

/** How one crosses them; null: it stays below the same ones wherever it may go. */
function uplinkUseOf(
  switches: readonly Switch[],
  [source, ...destinations]: readonly [number, ...number[]],
  atATime: number,
  own: { pathBitsPerSecond: number; leastBitsPerSecond: number; isHeld: boolean },
): UplinkUse | null {
  const uplinks = switches.flatMap(({ below }, at) =>
    destinations.some((to) => below[to] !== below[source]) ? [2 * at + (below[source] ? 0 : 1)] : [],
  );
  if (uplinks.length === 0) return null;
  const capacities = uplinks.map((uplink) => switches[Math.floor(uplink / 2)]?.bitsPerSecond ?? 0);
  const alone = Math.min(own.pathBitsPerSecond, ...capacities);
  const share = Math.max(alone / atATime, Math.min(alone, 10e6));
  const least = Math.min(share, Math.max(own.leastBitsPerSecond, 10e6));
  return {
    uplinks,
    aloneBitsPerSecond: alone,
    shareBitsPerSecond: share,
    leastBitsPerSecond: least,
    isHeld: own.isHeld,
  };
}

function fiveOfFifteen(atMs: number): LiveWindows {
  const phase = atMs % 900_000;
  return phase < 300_000
    ? { startsAtMs: atMs, openSinceMs: atMs - phase }
    : { startsAtMs: atMs - phase + 900_000, openSinceMs: atMs };
}

/** Up to five hosts and ten migrations that run or wait. */
export const liveWorlds: fc.Arbitrary<LiveWorld> = fc
  .record({
    hosts: fc.array(host, { minLength: 2, maxLength: 5 }),
    migrations: fc.array(migration, { maxLength: 10 }),
    maxWaitMs: fc.constantFrom(60_000, 600_000),
    mostRunning: fc.constantFrom(null, null, 2),
    switches: fc.oneof(fc.constant<Switch[]>([]), fc.array(aSwitch, { minLength: 1, maxLength: 3 })),
    atATime: fc.constantFrom(1, 2, 4),
  })
  .map(({ hosts, migrations, maxWaitMs, mostRunning, switches, atATime }) => ({
    nowMs: NOW,
    maxWaitMs,
    ...(mostRunning === null ? {} : { mostRunning }),
    links: hosts.flatMap(({ bitsPerSecond: high, mostMigrations, workloadShare }, index) =>
      ['tx', 'rx'].map((direction) => ({
        name: `${index} ${direction}`,
        bitsPerSecond: { high, medium: high * (1 - workloadShare / 2), low: high * (1 - workloadShare) },
        mostMigrations,
      })),
    ),
    ...(switches.length === 0
      ? {}
      : {
          uplinks: switches.flatMap(({ bitsPerSecond }, at) =>
            ['up', 'down'].map((direction) => ({ name: `switch ${at} ${direction}`, bitsPerSecond })),
          ),
        }),
    hosts: [
      ...hosts.map(({ freeGibibytes, freeVcpus, hasDevice, mostLeaving }, index) => ({
        name: `host ${index}`,
        free:
          freeGibibytes === null
            ? null
            : {
                MEMORY_MB: freeGibibytes * GIBIBYTE_MB,
                VCPU: freeVcpus,
                ...(hasDevice ? { CUSTOM_DEVICE: 1 } : {}),
              },
        mostLeaving,
      })),
      { name: 'anywhere', free: null, mostLeaving: Number.POSITIVE_INFINITY },
    ],
    migrations: migrations.map((drawn, index): LiveMigration => {
      const source = drawn.source % hosts.length;
      const destination = (source + 1 + ((drawn.step - 1) % (hosts.length - 1))) % hosts.length;
      const path = Math.min(hosts[source]?.bitsPerSecond ?? 0, hosts[destination]?.bitsPerSecond ?? 0);
      const others = hosts.map((_, at) => at).filter((at) => at !== source);
      const choices = drawn.choices === null ? null : others.slice(0, drawn.choices);
      const isInGroup = !drawn.running || drawn.hasGroup;
      const use = uplinkUseOf(switches, [source, ...(choices ?? [destination])], atATime, {
        pathBitsPerSecond: path,
        leastBitsPerSecond: drawn.leastShare * path,
        isHeld: isInGroup && drawn.isHeld,
      });
      const leastBitsPerSecond = Math.min(drawn.leastShare * path, use?.leastBitsPerSecond ?? path);
      const dirty = drawn.dirtyShare * leastBitsPerSecond;
      const memoryBytes = drawn.gigabytes * GIGABYTE;
      return {
        id: index + 1,
        source,
        destination: choices ? hosts.length : destination,
        ...(choices && !drawn.running ? { choices } : {}),
        links: choices ? [2 * source] : [2 * source, 2 * destination + 1],
        ...(use ? { uplinkUse: use } : {}),
        priority: isInGroup ? drawn.priority : null,
        weight: drawn.weight,
        serial: drawn.serial,
        receivedAtMs: NOW - drawn.waitedMs,
        ...(drawn.notBefore === null ? {} : { notBeforeMs: NOW + drawn.notBefore, claims: drawn.claims }),
        ...(drawn.hasWindow ? { windows: fiveOfFifteen } : {}),
        ...(drawn.vm === null ? {} : { vmUuid: `vm ${drawn.vm}` }),
        peers: drawn.peers,
        deadlineMs: drawn.deadline === null ? null : NOW + drawn.deadline,
        needs: {
          MEMORY_MB: drawn.gigabytes * GIBIBYTE_MB,
          VCPU: drawn.vcpus,
          ...(drawn.needsDevice ? { CUSTOM_DEVICE: 1 } : {}),
        },
        running: drawn.running,
        leastBitsPerSecond,
        mostBitsPerSecond: Math.min(drawn.mostShare * path, use?.aloneBitsPerSecond ?? path),
        remainingMs: (rate) => (rate > dirty ? (8000 * memoryBytes) / (rate - dirty) : Number.POSITIVE_INFINITY),
      };
    }),
  }));
