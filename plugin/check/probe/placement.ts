import { type OpenStackClient, OpenStackError } from 'openstack-client-ts';
import { describeError } from '../../errors.ts';
import type { PlacementFacts } from '../judge/placement.ts';

const WHY: Partial<Record<OpenStackError['code'], 'no-endpoint' | 'forbidden'>> = {
  'catalogue-incomplete': 'no-endpoint',
  forbidden: 'forbidden',
  unauthorized: 'forbidden',
};

/** Asks Placement for what the plan would ask it. */
export async function probePlacement(
  client: Pick<OpenStackClient, 'placement' | 'hypervisors'>,
): Promise<PlacementFacts> {
  try {
    const [providers, hypervisors] = await Promise.all([
      client.placement.resourceProviders(),
      client.hypervisors(),
      client.placement.allocationCandidates({ MEMORY_MB: 1 }),
    ]);
    const names = new Set(hypervisors.map(({ hostname }) => hostname));
    return { hosts: providers.filter(({ name }) => names.has(name)).length, refused: null };
  } catch (error) {
    const why = (error instanceof OpenStackError && WHY[error.code]) || 'other';
    return { hosts: 0, refused: { why, text: describeError(error) } };
  }
}
