import { GROUP, type LiveMigration, type LivePlan, type LiveWorld, NO_GROUP, type PlannedMigration } from './world.ts';

interface Pair {
  own: LiveMigration;
  plan: PlannedMigration;
}

const TOLERANCE = 1e-6;

/**
 * Checks a plan of live migrations against its world, by other code than made it: it looks at each start and at each
 * change of a rate, and asks what the rules say of that moment. Returns one text for each rule that is broken.
 */
export function verifyLive(world: LiveWorld, plan: LivePlan): string[] {
  const pairs = world.migrations.map((own): Pair => {
    const found = plan.migrations.find(({ id }) => id === own.id);
    return { own, plan: found ?? { id: own.id, startMs: null, endMs: null, destination: null, rates: [], lateMs: 0 } };
  });
  const broken = plan.migrations.length === pairs.length ? [] : ['it has not one entry for each migration'];
  for (const pair of pairs) {
    broken.push(...checkRates(world, pair));
    if (pair.own.running) {
      if (pair.plan.startMs !== world.nowMs) broken.push(`${pair.own.id}: runs, but is not planned from now on`);
    } else if (pair.plan.startMs === null) {
      broken.push(...checkStuck(world, pairs, pair));
    } else {
      broken.push(...checkStart(world, pairs, pair, pair.plan.startMs));
    }
  }
  const times = new Set(pairs.flatMap(({ plan: { rates } }) => rates.map(({ fromMs }) => fromMs)));
  return [
    ...broken,
    ...[...times].flatMap((atMs) => [...checkLinks(world, pairs, atMs), ...checkUplinks(world, pairs, atMs)]),
  ];
}

function rateAt({ rates, endMs }: PlannedMigration, atMs: number): number {
  if (endMs !== null && atMs >= endMs) return 0;
  return rates.findLast(({ fromMs }) => fromMs <= atMs)?.bitsPerSecond ?? 0;
}

/** Its rate stays between its least and its most, and adds up to all of its work. */
function checkRates(world: LiveWorld, { own, plan: { startMs, endMs, rates, lateMs } }: Pair): string[] {
  const broken: string[] = [];
  if (startMs === null) return rates.length === 0 && endMs === null ? [] : [`${own.id}: has a rate, but no start`];
  const isPromisedTooMuch = isOverpromised(world, own);
  const least = isPromisedTooMuch ? 0 : own.leastBitsPerSecond * (1 - TOLERANCE);
  let done = 0;
  rates.forEach(({ fromMs, bitsPerSecond }, at) => {
    if (bitsPerSecond < least) broken.push(`${own.id}: slower than its least from ${fromMs} on`);
    if (bitsPerSecond > own.mostBitsPerSecond * (1 + TOLERANCE))
      broken.push(`${own.id}: faster than it can from ${fromMs} on`);
    const untilMs = rates[at + 1]?.fromMs ?? endMs ?? fromMs;
    if (untilMs > fromMs) done += (untilMs - fromMs) / own.remainingMs(bitsPerSecond);
  });
  if (rates[0]?.fromMs !== startMs) broken.push(`${own.id}: has no rate when it starts`);
  if (endMs === null) {
    if (own.remainingMs(own.leastBitsPerSecond) < Number.POSITIVE_INFINITY && !isPromisedTooMuch) {
      broken.push(`${own.id}: never ends`);
    }
    return broken;
  }
  // A time of day in ms has some 1e-4 ms of precision; a short migration has done that much more or less.
  const precision = TOLERANCE + 1e-3 / Math.max(1e-3, endMs - startMs);
  if (Math.abs(done - 1) > precision) broken.push(`${own.id}: does ${done} of its work`);
  const late = Math.max(0, endMs - (own.deadlineMs ?? Number.POSITIVE_INFINITY));
  if (late !== lateMs) broken.push(`${own.id}: is ${late} ms late, not ${lateMs}`);
  return broken;
}

/** The least of all that run on a link when the plan is made. */
function promised({ migrations }: LiveWorld, link: number): number {
  const running = migrations.filter((own) => own.running && own.links.includes(link));
  return running.reduce((sum, { leastBitsPerSecond }) => sum + leastBitsPerSecond, 0);
}

/** What a link carries for migrations of that group and below. */
function carried({ links }: LiveWorld, link: number, group: number): number {
  const { high = 0, medium = 0, low = 0 } = links[link]?.bitsPerSecond ?? {};
  return [high, medium, low, medium][group] ?? 0;
}

function isOverpromised(world: LiveWorld, { links, uplinkUse }: LiveMigration): boolean {
  const isUplink = uplinkUse?.uplinks.some((uplink) => promisedOver(world, uplink) > hasOver(world, uplink)) ?? false;
  return isUplink || links.some((link) => promised(world, link) > carried(world, link, GROUP.low));
}

function checkLinks(world: LiveWorld, pairs: readonly Pair[], atMs: number): string[] {
  return world.links.flatMap(({ name }, link) => {
    const users = pairs.filter(({ own, plan }) => own.links.includes(link) && rateAt(plan, atMs) > 0);
    const sum = users.reduce((total, { plan }) => total + rateAt(plan, atMs), 0);
    const top = Math.min(...users.map(({ own }) => groupNumber(own)));
    const lower = users.filter(({ own }) => own.priority !== null && groupNumber(own) > top);
    const loud = lower.filter(({ own, plan }) => rateAt(plan, atMs) > own.leastBitsPerSecond * (1 + TOLERANCE));
    // Who was promised more than there is on another link has a thousandth of it here all the same.
    const crumbs = users.reduce(
      (total, { own }) => total + (isOverpromised(world, own) ? own.leastBitsPerSecond / 1000 : 0),
      0,
    );
    const most = Math.max(carried(world, link, top), promised(world, link)) + crumbs;
    return [
      ...(sum > most * (1 + TOLERANCE) ? [`${name}: ${sum} of ${most} bit/s at ${atMs}`] : []),
      ...loud.map(({ own }) => `${own.id}: has more than its least beside a higher one at ${atMs}`),
    ];
  });
}

function hasOver({ uplinks = [] }: LiveWorld, uplink: number): number {
  return uplinks[uplink]?.bitsPerSecond ?? 0;
}

function crosses({ uplinkUse }: LiveMigration, uplink: number): boolean {
  return uplinkUse?.uplinks.includes(uplink) ?? false;
}

/** The least of all that run over an uplink when the plan is made. */
function promisedOver({ migrations }: LiveWorld, uplink: number): number {
  const running = migrations.filter((own) => own.running && crosses(own, uplink));
  return running.reduce((sum, { uplinkUse }) => sum + (uplinkUse?.leastBitsPerSecond ?? 0), 0);
}

/** No uplink ever carries more than it has for migrations. */
function checkUplinks(world: LiveWorld, pairs: readonly Pair[], atMs: number): string[] {
  return (world.uplinks ?? []).flatMap(({ name, bitsPerSecond }, uplink) => {
    const users = pairs.filter(({ own, plan }) => crosses(own, uplink) && rateAt(plan, atMs) > 0);
    const sum = users.reduce((total, { plan }) => total + rateAt(plan, atMs), 0);
    return sum > bitsPerSecond * (1 + TOLERANCE) ? [`${name}: ${sum} of ${bitsPerSecond} bit/s at ${atMs}`] : [];
  });
}

/** The uplinks that have no room for one that starts beside these: equals have their share, lower ones their least. */
function crowdedUplinks(world: LiveWorld, own: LiveMigration, rank: number, beside: readonly Pair[]): string[] {
  const { uplinks = [] } = world;
  return uplinks.flatMap(({ name, bitsPerSecond }, uplink) => {
    if (!crosses(own, uplink)) return [];
    const needs = beside.map(({ own: { uplinkUse: use, priority } }) => {
      if (!use?.uplinks.includes(uplink)) return 0;
      const group = priority === null ? NO_GROUP : GROUP[priority];
      if (!use.isHeld || group < rank) return use.aloneBitsPerSecond;
      return group === rank ? use.shareBitsPerSecond : use.leastBitsPerSecond;
    });
    const { isHeld = true, shareBitsPerSecond = 0, aloneBitsPerSecond = 0 } = own.uplinkUse ?? {};
    const need = needs.reduce((sum, each) => sum + each, isHeld ? shareBitsPerSecond : aloneBitsPerSecond);
    return need > bitsPerSecond * (1 + TOLERANCE) ? [name] : [];
  });
}

function sharesUplink(a: LiveMigration, b: LiveMigration): boolean {
  return a.uplinkUse?.uplinks.some((uplink) => crosses(b, uplink)) ?? false;
}

function groupNumber({ priority }: LiveMigration): number {
  return priority === null ? NO_GROUP : GROUP[priority];
}

function isFlying({ plan: { startMs, endMs } }: Pair, atMs: number): boolean {
  return startMs !== null && startMs <= atMs && (endMs === null || atMs < endMs);
}

function sharesLink(a: LiveMigration, b: LiveMigration): boolean {
  return a.links.some((link) => b.links.includes(link));
}

function waitsTooLong(world: LiveWorld, { receivedAtMs, windows }: LiveMigration, atMs: number): boolean {
  const since = Math.max(receivedAtMs, windows ? windows(atMs).openSinceMs : receivedAtMs);
  return atMs - since >= world.maxWaitMs;
}

function level(world: LiveWorld, own: LiveMigration, atMs: number): number {
  return waitsTooLong(world, own, atMs) ? -1 : groupNumber(own);
}

function isOpen({ windows }: LiveMigration, atMs: number): boolean {
  return windows === undefined || windows(atMs).startsAtMs === atMs;
}

/** Those that stand before it at that time: of a higher group, or both waited too long and it came later. */
function standsBefore(world: LiveWorld, other: LiveMigration, own: LiveMigration, atMs: number): boolean {
  const [theirs, ours] = [level(world, other, atMs), level(world, own, atMs)];
  if (theirs !== -1 || ours !== -1) return theirs < ours;
  return other.receivedAtMs < own.receivedAtMs || (other.receivedAtMs === own.receivedAtMs && other.id < own.id);
}

function checkStart(world: LiveWorld, pairs: readonly Pair[], pair: Pair, atMs: number): string[] {
  const { own } = pair;
  const broken: string[] = [];
  if (atMs < world.nowMs || atMs < (own.notBeforeMs ?? 0)) broken.push(`${own.id}: starts too soon`);
  if (!isOpen(own, atMs)) broken.push(`${own.id}: starts outside its windows`);
  const flying = pairs.filter((other) => isFlying(other, atMs));
  const waiting = pairs.filter(
    ({ own: other, plan }) =>
      !other.running &&
      (plan.startMs === null || plan.startMs > atMs) &&
      ((other.notBeforeMs ?? 0) <= atMs || other.claims === true) &&
      isOpen(other, atMs),
  );
  const rank = level(world, own, atMs);
  for (const { own: other, plan } of flying) {
    if (other.id === own.id) continue;
    if (own.vmUuid !== undefined && other.vmUuid === own.vmUuid) {
      broken.push(`${own.id}: its VM migrates as ${other.id}`);
    }
    if (!sharesLink(other, own)) continue;
    if (other.priority !== null && GROUP[other.priority] < rank) {
      broken.push(`${own.id}: starts beside ${other.id} of a higher group`);
    }
    // One that waited too long starts first of all that start at that moment, and waits for all that run.
    const wasThere = other.running || (plan.startMs ?? atMs) < atMs;
    const excludes =
      other.priority === own.priority
        ? other.serial || own.serial
        : own.serial && (other.priority === null || (rank === -1 && wasThere));
    if (excludes) broken.push(`${own.id}: serial, beside ${other.id}`);
  }
  if (flying.length > (world.mostRunning ?? flying.length)) broken.push(`${own.id}: too many run`);
  for (const { own: other } of waiting) {
    if (sharesLink(other, own) && standsBefore(world, other, own, atMs)) {
      broken.push(`${own.id}: starts before ${other.id}, which stands before it`);
    }
  }
  const leaving = flying.filter(({ own: other }) => other.source === own.source).length;
  if (leaving > (world.hosts[own.source]?.mostLeaving ?? 0)) broken.push(`${own.id}: too many leave its source`);
  for (const link of own.links) {
    const users = flying.filter(({ own: other }) => other.links.includes(link)).length;
    if (users > (world.links[link]?.mostMigrations ?? 0)) broken.push(`${own.id}: too many on a link`);
  }
  // Of those that start at the same moment it is not known here who came first: only what flew before counts.
  const before = flying.filter(({ own: other, plan: { startMs } }) => other.running || (startMs ?? atMs) < atMs);
  for (const name of crowdedUplinks(world, own, rank, before))
    broken.push(`${own.id}: starts over ${name}, which is full`);
  for (const { own: other } of waiting) {
    if (!sharesUplink(other, own) || !standsBefore(world, other, own, atMs)) continue;
    const isKept = level(world, other, atMs) === -1;
    const full = isKept ? [] : crowdedUplinks(world, other, level(world, other, atMs), before);
    if (isKept || full.length > 0)
      broken.push(`${own.id}: starts over an uplink that ${other.id}, before it, waits for`);
  }
  const { destination } = pair.plan;
  if (destination === null || !placesOf(own).includes(destination)) {
    broken.push(`${own.id}: goes to a host that is none of its own`);
  } else {
    const short = overdrawn(world, pairs, own, destination, atMs);
    if (short.length > 0) broken.push(`${own.id}: no ${short.join(', ')} on its destination`);
  }
  return broken;
}

function placesOf({ destination, choices }: LiveMigration): readonly number[] {
  return choices ?? [destination];
}

/** The classes that it needs of which more is taken on a host than there is, after all starts and ends up to that time. */
function overdrawn(world: LiveWorld, pairs: readonly Pair[], own: LiveMigration, host: number, atMs: number): string[] {
  const free = world.hosts[host]?.free ?? null;
  if (free === null) return [];
  return Object.keys(own.needs).filter((name) => {
    const left = pairs.reduce(
      (sum, { own: other, plan: { startMs, endMs, destination } }) => {
        const comes = !other.running && destination === host && startMs !== null && startMs <= atMs;
        const leaves = other.source === host && endMs !== null && endMs <= atMs;
        // What a host does not have nobody brings there.
        const amount = name in free ? (other.needs[name] ?? 0) : 0;
        return sum + (leaves ? amount : 0) - (comes ? amount : 0);
      },
      name in free ? (free[name] ?? 0) : -(own.needs[name] ?? 0),
    );
    return left < 0;
  });
}

/** One without a start has something to wait for when all that ends has ended. */
function checkStuck(world: LiveWorld, pairs: readonly Pair[], { own }: Pair): string[] {
  const times = pairs.flatMap(({ own: other, plan: { endMs } }) => [
    endMs ?? 0,
    other.notBeforeMs ?? 0,
    other.receivedAtMs + world.maxWaitMs,
  ]);
  const atMs = Math.max(world.nowMs, ...times);
  const others = pairs.filter((other) => other.own.id !== own.id && other.plan.endMs === null);
  const besides = pairs.filter((pair) => pair.own.id !== own.id);
  const lacksRoom = placesOf(own).every((destination) => {
    const started = { own, plan: { id: own.id, startMs: atMs, endMs: null, destination, rates: [], lateMs: 0 } };
    return overdrawn(world, [...besides, started], own, destination, atMs).length > 0;
  });
  const obstacles = [
    lacksRoom,
    (world.hosts[own.source]?.mostLeaving ?? 0) < 1,
    own.links.some((link) => carried(world, link, GROUP.low) < own.leastBitsPerSecond),
    own.windows !== undefined,
    others.length >= (world.mostRunning ?? Number.POSITIVE_INFINITY),
    others.some(
      (other) =>
        sharesLink(other.own, own) ||
        sharesUplink(other.own, own) ||
        other.own.source === own.source ||
        (own.vmUuid !== undefined && other.own.vmUuid === own.vmUuid),
    ),
  ];
  return obstacles.includes(true) ? [] : [`${own.id}: waits for nothing`];
}
