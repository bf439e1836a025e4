import type { Reason, WhatIfRequest } from '../contract.ts';
import { DroverError } from '../errors.ts';
import type { NovaCalls } from '../nova/control.ts';
import type { QueuedMigration, World } from './plan/world.ts';

/** What is asked about, as if it had just come through the compute API. */
export interface Hypothetical {
  migrations: QueuedMigration[];
  /** Those that Drover would not take for another reason than its plan. */
  refused: { vmUuid: string; vmName: string; reason: Reason }[];
}

/**
 * Looks the servers up in Nova. Their numbers are above all that are in use; nothing is written down.
 *
 * @throws DroverError `server-unknown` where Nova knows no such server, `request-invalid` where the destination is no
 * other compute host that is up, or a server is named twice.
 */
export async function hypotheticals(
  { migrations: asked }: WhatIfRequest,
  world: Pick<World, 'nowMs' | 'queue' | 'inFlight'>,
  nova: Pick<NovaCalls, 'findServer' | 'computeHosts'>,
): Promise<Hypothetical> {
  const up = await nova.computeHosts();
  const busy = new Map([...world.queue, ...world.inFlight].map(({ vmUuid, id }) => [vmUuid, id]));
  const firstId = 1 + Math.max(0, ...busy.values());
  const found: Hypothetical = { migrations: [], refused: [] };
  for (const { vm, destination: named, priority, deadlineAtMs } of asked) {
    const server = await nova.findServer(vm);
    if (!server) throw new DroverError('server-unknown', `Nova knows no server ${vm}, by name or id, or several`);
    const { id: vmUuid, host: source, ...facts } = server;
    if (source === null) throw new DroverError('server-unknown', `Nova names no host of ${vm}`);
    const candidates = up.filter((name) => name !== source);
    if (named && !candidates.includes(named)) {
      const text = `${named} is no other compute host that is up; ${vm} could go to ${candidates.join(', ') || 'none'}`;
      throw new DroverError('request-invalid', text);
    }
    if (found.migrations.some((other) => other.vmUuid === vmUuid)) {
      throw new DroverError('request-invalid', `${vm} is named twice`);
    }
    const other = busy.get(vmUuid);
    if (other !== undefined) {
      const reason = { code: 'vm-busy', text: `migration ${other} of it waits or runs already: Nova would answer 409` };
      found.refused.push({ vmUuid, vmName: facts.name, reason });
      continue;
    }
    found.migrations.push({
      id: firstId + found.migrations.length,
      vmUuid,
      source,
      destination: named ?? (candidates.length === 1 ? (candidates[0] ?? null) : null),
      receivedAtMs: world.nowMs,
      server: facts,
      candidates,
      choosable: named === undefined || named === null,
      asked: { priority: priority ?? null },
      deadlineAtMs: deadlineAtMs ?? null,
    });
  }
  return found;
}
