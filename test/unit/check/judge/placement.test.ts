import { expect, it } from 'vitest';
import { judgePlacement } from '../../../../plugin/check/judge/placement.ts';

it('a Placement that tells of the hosts is in order', () => {
  expect(judgePlacement({ hosts: 3, refused: null })).toMatchObject({
    state: 'ok',
    found: 'tells the room of 3 compute host(s)',
  });
});

it('whatever is missing is a warning with what to do, since migrations go on', () => {
  const gaps = [
    { hosts: 0, refused: null },
    { hosts: 0, refused: { why: 'no-endpoint' as const, text: 'no endpoint' } },
    { hosts: 0, refused: { why: 'forbidden' as const, text: 'HTTP 403' } },
    { hosts: 0, refused: { why: 'other' as const, text: 'HTTP 500' } },
  ].map(judgePlacement);
  expect(gaps.map(({ state }) => state)).toEqual(['warn', 'warn', 'warn', 'warn']);
  expect(gaps.map(({ todo }) => todo?.split('. ')[0])).toEqual([
    'Look whether it is the Placement of this Nova',
    'Name it as placement.url, or add it to the catalogue: openstack endpoint list --service placement',
    "Give Drover's account a role that Placement's policy.yaml lets read providers and allocations (by default admin)",
    'Mend placement.url or the service; `openstack resource provider list` tries it',
  ]);
});
