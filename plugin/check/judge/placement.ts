import { type Finding, ok, warn } from 'drover-hostd/check/finding';

/** What Placement told of itself. */
export interface PlacementFacts {
  /** Of resource providers that have the name of a hypervisor of Nova's. */
  hosts: number;
  /** Why it told nothing; null: it did. */
  refused: { why: 'no-endpoint' | 'forbidden' | 'other'; text: string } | null;
}

const WITHOUT =
  'Migrations go on without it: the plan then does not know the free memory of destinations, and `destination: least-contended` keeps to the choice of Nova.';

const TODO = {
  'no-endpoint': `Name it as placement.url, or add it to the catalogue: openstack endpoint list --service placement. ${WITHOUT}`,
  forbidden: `Give Drover's account a role that Placement's policy.yaml lets read providers and allocations (by default admin). ${WITHOUT}`,
  other: `Mend placement.url or the service; \`openstack resource provider list\` tries it. ${WITHOUT}`,
};

/** Nothing that Drover needs: a warning at worst. */
export function judgePlacement({ hosts, refused }: PlacementFacts): Finding {
  if (refused !== null) return warn('placement.api', refused.text, TODO[refused.why]);
  if (hosts > 0) return ok('placement.api', `tells the room of ${hosts} compute host(s)`);
  const todo = `Look whether it is the Placement of this Nova. ${WITHOUT}`;
  return warn('placement.api', "it has no provider of the name of one of Nova's hypervisors", todo);
}
