import type { Policy } from '../../../policy/schema.ts';
import type { Action, World } from '../world.ts';
import type { Ends } from './crossed.ts';
import type { Place, Running, Started, View } from './view.ts';

/** QEMU lets up to a tenth more pass than it is told. */
const STREAM_RUNS_HIGH = 1.1;
const TOLERANCE = 1e-6;

/** Whether two may meet on an uplink. */
export function sharesUplink({ crossed }: View, a: Ends, b: Ends): boolean {
  const own = crossed(a);
  return own.length > 0 && crossed(b).some((name) => own.includes(name));
}

/** What waited too long has its way over uplinks kept for it as on the links of hosts. */
export function checkKept(view: View, started: Started): string[] {
  const { held, level, eligible } = view;
  const cameBefore = (receivedAtMs: number, id: number) =>
    receivedAtMs < started.receivedAtMs || (receivedAtMs === started.receivedAtMs && id < started.id);
  return held
    .filter((other) => level(other) === 0 && eligible(other))
    .filter((other) => level(started) > 0 || cameBefore(other.receivedAtMs, other.id))
    .filter((other) => sharesUplink(view, other, started))
    .map((other) => `${started.id}: starts over an uplink that ${other.id}, which waited too long, waits for`);
}

/**
 * What all that cross an uplink are held to, by a limit of their own or by the link of their hosts, the uplink has.
 * The breach of a sum is that of those that start over it, else of all that cross it.
 */
export function checkUplinks(
  world: World,
  policy: Policy,
  view: View,
  actions: readonly Action[],
): { id: number; text: string }[] {
  const crossing = new Map<string, (Running & { limit: number })[]>();
  const broken: { id: number; text: string }[] = [];
  for (const own of Object.keys(policy.switches).length === 0 ? [] : view.running) {
    const names = view.crossed(own);
    const told = limitOf(world, actions, own.id);
    if (names.length === 0 || told === undefined || (told === null && !canHold(world, own.source))) continue;
    // Without a limit of its own it may take all of its hosts' links.
    const limit = told === null ? linkOf(world, own) : told * STREAM_RUNS_HIGH;
    for (const name of names) crossing.set(name, [...(crossing.get(name) ?? []), { ...own, limit }]);
  }
  for (const [name, users] of crossing) {
    const has = policy.switches[name.slice(0, name.lastIndexOf(' '))]?.migrationBitsPerSecond ?? 0;
    const sum = users.reduce((total, { limit }) => total + limit, 0);
    if (sum <= has * (1 + TOLERANCE) + users.length) continue;
    const starts = users.filter(({ id }) => view.starts.some((started) => started.id === id));
    for (const { id } of starts.length > 0 ? starts : users) {
      broken.push({ id, text: `${id}: ${name} has ${has} bit/s for migrations, those on it are held to ${sum}` });
    }
  }
  return broken;
}

function linkOf({ hosts }: World, { source, destination }: Place): number {
  const rates = [source, destination].map((name) => hosts.get(name ?? '')?.info?.shapeableBitsPerSecond ?? 0);
  return Math.min(...rates.filter((rate) => rate > 0));
}

/** As this plan leaves it; null: to nothing, undefined: it runs without Drover. */
function limitOf({ inFlight }: World, actions: readonly Action[], id: number): number | null | undefined {
  const action = actions.find((each) => each.id === id && (each.kind === 'adjust' || each.kind === 'start'));
  if (action?.kind === 'start') return action.decision.reservation.streamBitsPerSecond ?? null;
  if (action?.kind === 'adjust') return action.reservation.streamBitsPerSecond ?? null;
  const { decision } = inFlight.find((each) => each.id === id) ?? {};
  return decision ? (decision.reservation.streamBitsPerSecond ?? null) : undefined;
}

function canHold(world: World, source: string): boolean {
  const host = world.hosts.get(source);
  return host?.reachable === true && host.sample !== null && (host.info?.linkBitsPerSecond ?? 0) > 0;
}
