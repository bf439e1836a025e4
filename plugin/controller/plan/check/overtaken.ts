import type { Priority } from 'drover-hostd/contract';
import type { Action, World } from '../world.ts';
import { GROUPS, shares, type View } from './view.ts';

/** One beside a higher one is held to something; any other to nothing, unless it crosses uplinks (checkUplinks). */
export function checkOvertaken(
  world: World,
  { running, crossed }: View,
  { id, source, destination, decision }: World['inFlight'][number],
  actions: readonly Action[],
): string[] {
  if (!decision) return [];
  const adjusted = actions.flatMap((action) =>
    action.kind === 'adjust' && action.id === id ? [action.reservation] : [],
  );
  const limit = (adjusted[0] ?? decision.reservation).streamBitsPerSecond ?? null;
  const isHigher = (group: Priority | null) =>
    group !== null && GROUPS.indexOf(group) < GROUPS.indexOf(decision.priority);
  const overtaken = running.some(
    (other) => other.id !== id && isHigher(other.group) && shares({ source, destination }, other),
  );
  const isMeasured = [source, destination].some((name) => {
    const host = name === null ? null : world.hosts.get(name);
    return host?.sample && host.info && host.info.linkBitsPerSecond > 0 && host.info.shapeableBitsPerSecond > 0;
  });
  if (overtaken && isMeasured && limit === null) return [`${id}: is not slowed beside a higher one`];
  const mayCross = crossed({ id, source, destination }).length > 0;
  return !overtaken && !mayCross && limit !== null ? [`${id}: is slowed for nobody`] : [];
}
