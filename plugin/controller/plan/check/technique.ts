import { selectorsMatch } from '../../../policy/match.ts';
import type { Policy } from '../../../policy/schema.ts';
import { circumstances, type World } from '../world.ts';
import type { Started } from './view.ts';

export function checkTechnique(world: World, policy: Policy, started: Started): string[] {
  const { technique, classification, strategy } = started.decision;
  const broken: string[] = [];
  if (!classification && strategy !== policy.stale.strategy) broken.push(`${started.id}: not the stale strategy`);
  if (classification && ageMs(world, started.source) > policy.stale.maxAgeMs) {
    broken.push(`${started.id}: classified on a stale sample`);
  }
  if (technique === 'pre-copy') return broken;
  const ends = started.destination === null ? (started.candidates ?? [...world.hosts.keys()]) : [started.destination];
  for (const name of new Set([started.source, ...ends])) {
    const host = world.hosts.get(name);
    if (!host?.info?.postCopy.permitted) broken.push(`${started.id}: ${technique} is not permitted on ${name}`);
    const lost = host?.linkLostAtMs ?? null;
    if (lost !== null && world.nowMs - lost <= policy.postCopyGate.linkLostWithinMs) {
      broken.push(`${started.id}: ${technique} although the link of ${name} was lost`);
    }
  }
  const vm = world.hosts.get(started.source)?.sample?.vms.find(({ vmUuid }) => vmUuid === started.vmUuid);
  if (!vm || vm.postCopyBlockers.length > 0) broken.push(`${started.id}: ${technique} of a guest that cannot`);
  if (started.paused) broken.push(`${started.id}: ${technique} of a paused guest`);
  const asked = circumstances(world, started);
  const { never, minMemoryBytes } = policy.postCopyGate;
  if (
    never.some((each) => selectorsMatch(each, started.server, asked)) ||
    started.server.memoryBytes < minMemoryBytes
  ) {
    broken.push(`${started.id}: ${technique} although the policy's gate forbids it`);
  }
  if (started.server.metadata['drover:postcopy'] === 'never') broken.push(`${started.id}: ${technique} is forbidden`);
  return broken;
}

function ageMs(world: World, name: string): number {
  const host = world.hosts.get(name);
  if (!host?.sample) return Number.POSITIVE_INFINITY;
  return Math.max(world.nowMs - host.sampleAtMs, 0) + host.sample.ageMs;
}
