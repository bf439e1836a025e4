import { expect, it } from 'vitest';
import { elsewhere } from '../../../../bot/rights/workspace.ts';

const ALONE = { teamId: 'T1', enterpriseId: null };
const GRID = { teamId: 'T1', enterpriseId: 'E1' };
const who = (teamId: string | null, enterpriseId: string | null = null, isStranger = false) => {
  return { teamId, enterpriseId, isStranger };
};

it.each([
  ['the same workspace', ALONE, who('T1'), null],
  ['another one, though Slack does not call them a stranger', ALONE, who('T2'), 'T2'],
  ['another one of another organisation', GRID, who('T2', 'E2'), 'T2'],
  ['another one of the same organisation', GRID, who('T2', 'E1'), null],
  ['the organisation itself, as Slack names it in some places', GRID, who('E1'), null],
  ['another organisation, named so', GRID, who('E2', 'E2'), 'E2'],
  ['no organisation, where the app has none either', ALONE, who('T2', null), 'T2'],
  ['a stranger of a workspace that Slack gives as this one', ALONE, who('T1', null, true), 'does not name'],
  ['nothing that Slack says', ALONE, who(null), 'does not name'],
  ['nothing that Slack says, on a grid', GRID, who(null), 'does not name'],
])('somebody of %s', (_what, own, member, other) => {
  if (other === null) expect(elsewhere(own, member)).toBeNull();
  else expect(elsewhere(own, member)).toContain(other);
});
