import type { Plan, WhatIfAnswer, WhatIfRequest } from '../contract.ts';
import { DroverError } from '../errors.ts';
import type { NovaCalls } from '../nova/control.ts';
import { hypotheticals } from './hypothetical.ts';
import type { Foreseen } from './plan/lookahead.ts';
import { planAhead } from './plan/plan.ts';
import { publishedPlan } from './plan/publish.ts';
import { whatIf } from './plan/whatif.ts';
import type { World } from './plan/world.ts';
import type { Entry } from './queue.ts';
import { supposedPriorities } from './supposed.ts';

/** The plan of all that waits and runs, as things stand in this moment. */
export function presentPlan(world: World, entries: readonly Entry[]): Plan {
  const none = { atMs: world.nowMs, policy: world.policy?.id ?? null, migrations: [], workloads: [] };
  if (!world.policy)
    return { ...none, reason: { code: 'no-policy', text: 'there is no valid policy: to Nova unchanged' } };
  const { ahead, failure } = planAhead(world);
  if (!ahead) return { ...none, reason: { code: 'lookahead-failed', text: failure ?? 'nobody can look ahead' } };
  const names = new Map(entries.map(({ id, vmName }) => [id, vmName]));
  return publishedPlan(world, ahead, ({ id, vmUuid }) => ({ id, vmName: names.get(id) ?? vmUuid }));
}

/**
 * What would happen if these were asked for now, and those had other priorities. Nova is asked for the servers; nothing is
 * changed.
 *
 * @throws DroverError `policy-missing`, `server-unknown`, `request-invalid`, `migration-unknown`, `migration-not-begun`.
 */
export async function answerWhatIf(
  request: WhatIfRequest,
  worldNow: () => World,
  entriesNow: () => readonly Entry[],
  nova: Pick<NovaCalls, 'findServer' | 'computeHosts'>,
): Promise<WhatIfAnswer> {
  if (!worldNow().policy) throw new DroverError('policy-missing', 'no policy is in effect; GET /v1/policy says why');
  const none = { migrations: [], refused: [] };
  const found = request.migrations.length === 0 ? none : await hypotheticals(request, worldNow(), nova);
  const [world, entries] = [worldNow(), entriesNow()];
  const { priorities, later } = supposedPriorities(request.priorities ?? [], world, entries);
  const names = new Map(entries.map(({ id, vmName }) => [id, vmName]));
  const hypothetical = new Map(found.migrations.map(({ id, server }) => [id, server.name]));
  const supposed = { asked: [...found.migrations, ...later], priorities };
  const answer = whatIf(world, supposed, ({ id, vmUuid }: Foreseen) => ({
    id: hypothetical.has(id) ? null : id,
    vmName: hypothetical.get(id) ?? names.get(id) ?? vmUuid,
  }));
  return { ...answer, refused: [...found.refused, ...answer.refused] };
}
