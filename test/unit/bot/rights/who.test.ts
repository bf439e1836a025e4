import { expect, it } from 'vitest';
import { whoText } from '../../../../bot/rights/who.ts';

const NAMES: Record<string, string> = { S1: '@ops', S2: '@leads', U1: 'Alice' };
const say = (groups: string[], users: string[], everyone = false) =>
  whoText({ groups, users, everyone }, (id) => NAMES[id] ?? id);

it('says who could: groups first, a few by name and the others counted, or that nobody can', () => {
  expect(say(['S1', 'S2'], ['U1'])).toBe('who may: @ops, @leads, Alice');
  expect(say(['S1'], ['U1', 'U2', 'U3', 'U4'])).toBe('who may: @ops, Alice, U2, U3 and 1 other');
  expect(say(['S1', 'S2', 'S3', 'S4', 'S5'], ['U1'])).toBe('who may: @ops, @leads, S3, S4 and 2 others');
  expect(say([], [])).toBe("nobody may, by the bot's rights");
  expect(say([], [], true)).toBe('every other member may');
});
