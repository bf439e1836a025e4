import { AGED, GROUP, type LiveMigration, type LivePlan, type LiveWorld, type PlannedMigration } from './world.ts';

/** One that starts beside others of its group must have this share of what it could use, or it rather waits. */
const WORTH_STARTING = 0.5;
const LATENESS = 10;
/** For what never ends or never starts, in seconds: more than any plan lasts. */
const NEVER_SECONDS = 1e9;
/** Rates add up with this much slack. */
const SLACK = 1e-9;

interface Flight {
  index: number;
  /** Of the work that was left when the plan was made. */
  left: number;
  rate: number;
  /** AGED or its group, when it started: who has the bandwidth first. */
  rank: number;
}

/**
 * Plays the world forward with `order` as the order inside a group (place by index), and writes down what happens.
 *
 * A lower group does not start on a link that a higher one uses or waits for; who waited `maxWaitMs` stands before all,
 * the oldest first. A higher one starts beside lower ones and takes their bandwidth down to their least. Rates change
 * only when something starts or ends.
 */
export function play(world: LiveWorld, order: readonly number[]): LivePlan {
  const { migrations, links, hosts } = world;
  const planned = migrations.map(
    ({ id }): PlannedMigration => ({ id, startMs: null, endMs: null, rates: [], lateMs: 0 }),
  );
  const freeMemory = hosts.map(({ freeMemoryBytes }) => freeMemoryBytes);
  const leaving = new Int32Array(hosts.length);
  const onLink = links.map((): Flight[] => []);
  let flights: Flight[] = [];
  let waiting: number[] = [];
  let nowMs = world.nowMs;

  migrations.forEach((migration, index) => {
    if (migration.running) begin(index, GROUP[migration.priority]);
    else waiting.push(index);
  });
  for (;;) {
    startAll();
    share();
    const ends = flights.map((flight) => nowMs + flight.left * of(flight.index).remainingMs(flight.rate));
    const nextMs = Math.min(...ends, ...waiting.map(changesAt));
    if (nextMs === Number.POSITIVE_INFINITY) break;
    const spanMs = nextMs - nowMs;
    for (const flight of flights) flight.left -= spanMs / of(flight.index).remainingMs(flight.rate);
    nowMs = nextMs;
    const ended = flights.filter((_, at) => (ends[at] as number) <= nextMs);
    flights = flights.filter((_, at) => (ends[at] as number) > nextMs);
    for (const flight of ended) finish(flight);
  }
  return { migrations: [...planned].sort((a, b) => a.id - b.id), cost: costOf(world, planned) };

  function of(index: number): LiveMigration {
    return migrations[index] as LiveMigration;
  }

  function changesAt(index: number): number {
    const { notBeforeMs = 0, receivedAtMs } = of(index);
    const times = [notBeforeMs, receivedAtMs + world.maxWaitMs].filter((atMs) => atMs > nowMs);
    return Math.min(...times);
  }

  function rankOf(index: number): number {
    const { receivedAtMs, priority } = of(index);
    return nowMs - receivedAtMs >= world.maxWaitMs ? AGED : GROUP[priority];
  }

  function startAll(): void {
    const ranked = waiting.map((index) => ({ index, rank: rankOf(index) }));
    ranked.sort(
      (a, b) => a.rank - b.rank || (a.rank === AGED ? byAge(a.index, b.index) : 0) || place(a.index) - place(b.index),
    );
    const wanted = new Map<number, number>();
    for (const { index, rank } of ranked) {
      if (mayStart(index, rank, wanted)) {
        waiting = waiting.filter((other) => other !== index);
        begin(index, rank);
      } else if ((of(index).notBeforeMs ?? 0) <= nowMs) {
        for (const link of of(index).links) if (!wanted.has(link)) wanted.set(link, rank);
      }
    }
  }

  function place(index: number): number {
    return order[index] ?? index;
  }

  function byAge(a: number, b: number): number {
    return of(a).receivedAtMs - of(b).receivedAtMs || of(a).id - of(b).id;
  }

  function mayStart(index: number, rank: number, wanted: ReadonlyMap<number, number>): boolean {
    const own = of(index);
    if ((own.notBeforeMs ?? 0) > nowMs) return false;
    if ((leaving[own.source] as number) >= (hosts[own.source]?.mostLeaving ?? 1)) return false;
    if ((freeMemory[own.destination] as number) < own.memoryBytes) return false;
    return own.links.every((link) => {
      const first = wanted.get(link);
      if (first !== undefined && (first < rank || first === AGED)) return false;
      const users = onLink[link] as Flight[];
      if (users.length >= (links[link]?.mostMigrations ?? 1)) return false;
      return users.every((user) => isCompatible(own, rank, user)) && isWorthIt(own, rank, link);
    });
  }

  function isCompatible(own: LiveMigration, rank: number, user: Flight): boolean {
    const { priority, serial } = of(user.index);
    if (GROUP[priority] < rank) return false;
    return !(priority === own.priority && (serial || own.serial));
  }

  /** What lower groups must give up counts as free; what its own group has does not. */
  function isWorthIt(own: LiveMigration, rank: number, link: number): boolean {
    let least = own.leastBitsPerSecond;
    let taken = 0;
    for (const user of onLink[link] as Flight[]) {
      const { leastBitsPerSecond, mostBitsPerSecond } = of(user.index);
      least += leastBitsPerSecond;
      taken += user.rank > rank ? leastBitsPerSecond : Math.min(mostBitsPerSecond, user.rate || mostBitsPerSecond);
    }
    const capacity = links[link]?.bitsPerSecond ?? 0;
    if (least > capacity * (1 + SLACK)) return false;
    const useful = Math.min(own.mostBitsPerSecond, capacity);
    return taken === 0 || capacity - taken >= WORTH_STARTING * useful * (1 - SLACK);
  }

  function begin(index: number, rank: number): void {
    const own = of(index);
    const flight: Flight = { index, left: 1, rate: 0, rank };
    flights.push(flight);
    for (const link of own.links) onLink[link]?.push(flight);
    leaving[own.source] = (leaving[own.source] as number) + 1;
    if (!own.running) freeMemory[own.destination] = (freeMemory[own.destination] as number) - own.memoryBytes;
    (planned[index] as PlannedMigration).startMs = nowMs;
    // The others of its group must see what it takes before the next one is looked at.
    share();
  }

  function finish(flight: Flight): void {
    const own = of(flight.index);
    for (const link of own.links) {
      const users = onLink[link] as Flight[];
      users.splice(users.indexOf(flight), 1);
    }
    leaving[own.source] = (leaving[own.source] as number) - 1;
    freeMemory[own.source] = (freeMemory[own.source] as number) + own.memoryBytes;
    const result = planned[flight.index] as PlannedMigration;
    result.endMs = nowMs;
    result.lateMs = Math.max(0, nowMs - (own.deadlineMs ?? Number.POSITIVE_INFINITY));
  }

  /** Each its least; what is left goes to the highest first, then to who started first. */
  function share(): void {
    const left = links.map(({ bitsPerSecond }, link) =>
      (onLink[link] as Flight[]).reduce((rest, { index }) => rest - of(index).leastBitsPerSecond, bitsPerSecond),
    );
    for (const flight of [...flights].sort((a, b) => a.rank - b.rank || startOf(a) - startOf(b) || a.index - b.index)) {
      const { links: crossed, leastBitsPerSecond, mostBitsPerSecond } = of(flight.index);
      const more = Math.min(mostBitsPerSecond - leastBitsPerSecond, ...crossed.map((link) => left[link] as number));
      // Below its least only where those that run already were promised more than a link has.
      flight.rate = Math.max(leastBitsPerSecond / 1000, leastBitsPerSecond + more);
      for (const link of crossed) left[link] = (left[link] as number) - (flight.rate - leastBitsPerSecond);
      write(flight);
    }
  }

  function startOf({ index }: Flight): number {
    return (planned[index] as PlannedMigration).startMs ?? nowMs;
  }

  function write({ index, rate }: Flight): void {
    const { rates } = planned[index] as PlannedMigration;
    const last = rates.at(-1);
    if (last?.fromMs === nowMs) last.bitsPerSecond = rate;
    else if (last?.bitsPerSecond !== rate) rates.push({ fromMs: nowMs, bitsPerSecond: rate });
    const [before, after] = rates.slice(-2);
    if (after && before && before.bitsPerSecond === after.bitsPerSecond) rates.pop();
  }
}

function costOf(world: LiveWorld, planned: readonly PlannedMigration[]): number {
  return world.migrations.reduce((sum, { weight, receivedAtMs }, index) => {
    const { endMs, lateMs } = planned[index] as PlannedMigration;
    if (endMs === null) return sum + weight * NEVER_SECONDS;
    return sum + (weight * (endMs - receivedAtMs + LATENESS * lateMs)) / 1000;
  }, 0);
}
