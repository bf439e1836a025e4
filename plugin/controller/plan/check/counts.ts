import type { Policy } from '../../../policy/schema.ts';
import type { World } from '../world.ts';
import type { Started, View } from './view.ts';

export function checkCounts(
  world: World,
  policy: Policy,
  { running }: View,
  { id, source, destination }: Started,
): string[] {
  const broken: string[] = [];
  const limit = world.hosts.get(source)?.info?.maxConcurrentLiveMigrations ?? 1;
  const leaving = running.filter((other) => other.source === source).length;
  if (limit > 0 && leaving > limit) broken.push(`${id}: ${leaving} leave ${source}, Nova runs ${limit}`);
  const arriving = destination === null ? 0 : running.filter((other) => other.destination === destination).length;
  const { parallelPerLink, perSource, perDestination, clusterWide } = policy.caps;
  if (Math.max(leaving, arriving) > parallelPerLink) broken.push(`${id}: above the cap of a link`);
  if (perSource !== undefined && leaving > perSource) broken.push(`${id}: above the cap of its source`);
  if (perDestination !== undefined && arriving > perDestination) broken.push(`${id}: above the cap of its destination`);
  if (clusterWide !== undefined && running.length > clusterWide) broken.push(`${id}: above the cap of the cluster`);
  return broken;
}
