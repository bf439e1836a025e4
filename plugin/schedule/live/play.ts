import { plus, roomiest } from './resources.ts';
import { shareAmong } from './share.ts';
import { UplinkBook } from './uplinkbook.ts';
import { AGED, groupOf, type LiveMigration, type LivePlan, type LiveWorld, type PlannedMigration } from './world.ts';

const LATENESS = 10;
/** For what never ends or never starts, in seconds: more than any plan lasts. */
const NEVER_SECONDS = 1e9;
/** What has not started through so many openings of windows will not start by itself. */
const MOST_IDLE_EVENTS = 64;
/** Rates add up with this much slack. */
const SLACK = 1e-9;

interface Flight {
  index: number;
  own: LiveMigration;
  /** Of the work that was left when the plan was made, at `sinceMs`. */
  left: number;
  sinceMs: number;
  rate: number;
  heldTo: number;
  /** What all of the work takes at this rate. */
  wholeMs: number;
  endMs: number;
}

/**
 * Plays the world forward with `order` as the order inside a group (place by index), and writes down what happens.
 *
 * A lower group does not start on a link that a higher one uses or waits for; who waited `maxWaitMs` stands before all,
 * the oldest first. A higher one starts beside lower ones and takes their bandwidth down to their least (share.ts). Rates
 * change only when something starts or ends. What crosses switches starts and goes as their uplinks allow (uplinks.ts). An event costs one look at what waits, and new rates for what it touches.
 */
export function play(world: LiveWorld, order: readonly number[]): LivePlan {
  const { migrations, links, hosts, mostRunning = Number.POSITIVE_INFINITY } = world;
  const planned = migrations.map(
    ({ id }): PlannedMigration => ({ id, startMs: null, endMs: null, destination: null, rates: [], lateMs: 0 }),
  );
  const free = hosts.map((host) => host.free);
  const leaving = new Int32Array(hosts.length);
  const onLink = links.map((): Flight[] => []);
  const flyingVms = new Map<string, number>();
  const flights = new Set<Flight>();
  /** The rank of who waits first for each link, as of the look numbered so. */
  const wantedBy = new Int32Array(links.length);
  const wantedAt = new Int32Array(links.length);
  const touched = new Set<number>();
  const uplinks = new UplinkBook<Flight>((world.uplinks ?? []).map(({ bitsPerSecond }) => bitsPerSecond));
  let look = 0;
  let idle = 0;
  let nowMs = world.nowMs;
  let waiting: number[] = [];
  let sortedUntilMs = Number.NEGATIVE_INFINITY;
  // One that had waited too long begins to wait anew when its window closes and opens again.
  const hasWindows = migrations.some(({ windows }) => windows !== undefined);

  migrations.forEach((own, index) => {
    if (own.running) begin(index);
    else waiting.push(index);
  });
  const places = waiting.toSorted((a, b) => place(a) - place(b));
  for (;;) {
    const changesMs = startAll();
    share();
    let nextMs = changesMs;
    for (const { endMs } of flights) if (endMs < nextMs) nextMs = endMs;
    if (nextMs === Number.POSITIVE_INFINITY) break;
    idle = nextMs === changesMs && [...flights].every(({ endMs }) => endMs === Number.POSITIVE_INFINITY) ? idle + 1 : 0;
    // Nothing will end any more, and windows only open and close.
    if (idle > 2 * migrations.length + MOST_IDLE_EVENTS) break;
    nowMs = nextMs;
    for (const flight of flights) if (flight.endMs <= nowMs) finish(flight);
  }
  const short = shortOfRoom();
  return { migrations: planned, order: places.map((index) => of(index).id), short, cost: costOf(world, planned) };

  function of(index: number): LiveMigration {
    return migrations[index] as LiveMigration;
  }

  function place(index: number): number {
    return order[index] ?? index;
  }

  /** When it will have waited too long, as things stand. */
  function agesAtMs({ receivedAtMs, windows }: LiveMigration): number {
    return Math.max(receivedAtMs, windows?.(nowMs).openSinceMs ?? receivedAtMs) + world.maxWaitMs;
  }

  /** Starts what may start, in order of rank and place. Returns when something changes that is no end. */
  function startAll(): number {
    if (nowMs >= sortedUntilMs || hasWindows) sort();
    look++;
    uplinks.lookAnew();
    let changesMs = Number.POSITIVE_INFINITY;
    let kept = 0;
    for (const index of waiting) {
      const own = of(index);
      const opensMs = own.windows ? (own.windows(nowMs).startsAtMs ?? Number.POSITIVE_INFINITY) : nowMs;
      const notBeforeMs = own.notBeforeMs ?? 0;
      const mayMs = Math.max(opensMs, notBeforeMs);
      const rank = agesAtMs(own) <= nowMs ? AGED : groupOf(own);
      if (mayMs <= nowMs && mayStart(own, rank)) {
        begin(index);
        continue;
      }
      waiting[kept++] = index;
      if (mayMs > nowMs) changesMs = Math.min(changesMs, opensMs > nowMs ? opensMs : notBeforeMs);
      // It has not waited longer than its window is open: it may stand elsewhere then.
      if (opensMs > nowMs) sortedUntilMs = Math.min(sortedUntilMs, opensMs);
      if (opensMs <= nowMs && (notBeforeMs <= nowMs || own.claims)) want(own, rank);
    }
    waiting.length = kept;
    return Math.min(changesMs, sortedUntilMs);
  }

  function sort(): void {
    sortedUntilMs = Number.POSITIVE_INFINITY;
    const ranked = waiting.map((index) => {
      const atMs = agesAtMs(of(index));
      if (atMs > nowMs) sortedUntilMs = Math.min(sortedUntilMs, atMs);
      return { index, rank: atMs <= nowMs ? AGED : groupOf(of(index)) };
    });
    ranked.sort(
      (a, b) => a.rank - b.rank || (a.rank === AGED ? byAge(a.index, b.index) : 0) || place(a.index) - place(b.index),
    );
    waiting = ranked.map(({ index }) => index);
  }

  function byAge(a: number, b: number): number {
    return of(a).receivedAtMs - of(b).receivedAtMs || of(a).id - of(b).id;
  }

  function want(own: LiveMigration, rank: number): void {
    uplinks.want(own.uplinkUse, rank);
    for (const link of own.links) {
      if (wantedAt[link] === look) continue;
      wantedAt[link] = look;
      wantedBy[link] = rank;
    }
  }

  function mayStart(own: LiveMigration, rank: number): boolean {
    if ((leaving[own.source] as number) >= (hosts[own.source]?.mostLeaving ?? 1)) return false;
    if (flights.size >= mostRunning || (own.vmUuid !== undefined && (flyingVms.get(own.vmUuid) ?? 0) > 0)) return false;
    if (!hasRoom(own) || uplinks.closed(own.uplinkUse, rank) !== null) return false;
    return own.links.every((link) => {
      const first = wantedAt[link] === look ? (wantedBy[link] as number) : Number.POSITIVE_INFINITY;
      if (first < rank || first === AGED) return false;
      const users = onLink[link] as Flight[];
      if (users.length >= (links[link]?.mostMigrations ?? 1)) return false;
      return users.every((user) => isCompatible(own, rank, user.own)) && hasLeast(own, link, users);
    });
  }

  /** The host whose room it would take; null: there is none. */
  function roomFor({ needs, destination, choices = [destination] }: LiveMigration): number | null {
    return roomiest(needs, choices, free);
  }

  function hasRoom(own: LiveMigration): boolean {
    return roomFor(own) !== null;
  }

  /** Nobody can say when what flies now ends, but it does, and then what waits behind it leaves as well. */
  function shortOfRoom(): number[] {
    let left = waiting.map(of);
    if (flights.size > 0) {
      for (const { own } of flights) move(own, own.source, 1);
      for (let leaving = left.filter(hasRoom); leaving.length > 0; leaving = left.filter(hasRoom)) {
        for (const own of leaving) move(own, own.source, 1);
        left = left.filter((own) => !leaving.includes(own));
      }
    }
    return left.filter((own) => !hasRoom(own)).map(({ id }) => id);
  }

  function move({ needs }: LiveMigration, host: number, times: 1 | -1): void {
    const before = free[host];
    if (before) free[host] = plus(before, needs, times);
  }

  function isCompatible(own: LiveMigration, rank: number, user: LiveMigration): boolean {
    if (user.priority !== null && groupOf(user) < rank) return false;
    const sameGroup = user.priority === own.priority;
    if (sameGroup && (user.serial || own.serial)) return false;
    return !(own.serial && (user.priority === null || rank === AGED));
  }

  /** Everybody can have their least. */
  function hasLeast(own: LiveMigration, link: number, users: readonly Flight[]): boolean {
    const { high = 0, medium = 0, low = 0 } = links[link]?.bitsPerSecond ?? {};
    const least = users.reduce((sum, user) => sum + user.own.leastBitsPerSecond, own.leastBitsPerSecond);
    return least <= Math.min(high, medium, low) * (1 + SLACK);
  }

  function begin(index: number): void {
    const own = of(index);
    const flight: Flight = {
      index,
      own,
      left: 1,
      sinceMs: nowMs,
      rate: 0,
      heldTo: Number.POSITIVE_INFINITY,
      wholeMs: 0,
      endMs: Number.POSITIVE_INFINITY,
    };
    flights.add(flight);
    uplinks.add(flight, own.uplinkUse, groupOf(own));
    count(own, 1);
    for (const link of own.links) {
      onLink[link]?.push(flight);
      touched.add(link);
    }
    leaving[own.source] = (leaving[own.source] as number) + 1;
    const destination = own.running ? own.destination : (roomFor(own) ?? own.destination);
    if (!own.running) move(own, destination, -1);
    Object.assign(planned[index] as PlannedMigration, { startMs: nowMs, destination });
  }

  function finish(flight: Flight): void {
    const { own } = flight;
    flights.delete(flight);
    uplinks.remove(flight);
    count(own, -1);
    for (const link of own.links) {
      const users = onLink[link] as Flight[];
      users.splice(users.indexOf(flight), 1);
      touched.add(link);
    }
    leaving[own.source] = (leaving[own.source] as number) - 1;
    move(own, own.source, 1);
    const result = planned[flight.index] as PlannedMigration;
    result.endMs = nowMs;
    result.lateMs = Math.max(0, nowMs - (own.deadlineMs ?? Number.POSITIVE_INFINITY));
  }

  function count({ vmUuid }: LiveMigration, by: number): void {
    if (vmUuid !== undefined) flyingVms.set(vmUuid, (flyingVms.get(vmUuid) ?? 0) + by);
  }

  /** What is held to another rate at an uplink has another one on its links. */
  function holdAtUplinks(): void {
    for (const [flight, rate] of uplinks.shares((a, b) => a.index - b.index, isOvertaken)) {
      if (flight.heldTo === rate) continue;
      flight.heldTo = rate;
      for (const link of flight.own.links) touched.add(link);
    }
  }

  /** New rates for all that hang together with a link on which something changed. */
  function share(): void {
    if (touched.size > 0) holdAtUplinks();
    while (touched.size > 0) {
      const part = new Set<Flight>();
      const open = [...touched].slice(0, 1);
      const seen = new Set(open);
      for (let link = open.pop(); link !== undefined; link = open.pop()) {
        touched.delete(link);
        for (const flight of onLink[link] as Flight[]) {
          if (part.has(flight)) continue;
          part.add(flight);
          for (const other of flight.own.links) {
            if (seen.has(other)) continue;
            seen.add(other);
            open.push(other);
          }
        }
      }
      if (part.size > 0)
        shareAmong(
          [...part].sort((a, b) => a.index - b.index),
          links,
          setRate,
        );
    }
  }

  function isOvertaken({ own }: Flight): boolean {
    if (own.priority === null) return false;
    return own.links.some((link) => onLink[link]?.some((user) => groupOf(user.own) < groupOf(own)));
  }

  function setRate(flight: Flight, rate: number): void {
    if (rate === flight.rate) return;
    if (flight.wholeMs > 0) flight.left = Math.max(0, flight.left - (nowMs - flight.sinceMs) / flight.wholeMs);
    flight.sinceMs = nowMs;
    flight.rate = rate;
    flight.wholeMs = flight.own.remainingMs(rate);
    flight.endMs = flight.left > 0 ? nowMs + flight.left * flight.wholeMs : nowMs;
    const { rates } = planned[flight.index] as PlannedMigration;
    if (rates.at(-1)?.fromMs === nowMs) rates.pop();
    if (rates.at(-1)?.bitsPerSecond !== rate) rates.push({ fromMs: nowMs, bitsPerSecond: rate });
  }
}

function costOf(world: LiveWorld, planned: readonly PlannedMigration[]): number {
  return world.migrations.reduce((sum, { weight, receivedAtMs }, index) => {
    const { endMs, lateMs } = planned[index] as PlannedMigration;
    if (endMs === null) return sum + weight * NEVER_SECONDS;
    return sum + (weight * (endMs - receivedAtMs + LATENESS * lateMs)) / 1000;
  }, 0);
}
