import { describe, expect, it } from 'vitest';
import { judgeNic, type NicFacts } from '../../../../../hostd/check/judge/nic.ts';

const UP = { up: true, carrier: true, master: null };
const GOOD: NicFacts = {
  nic: 'eth0',
  link: UP,
  knownMegabits: 10_000,
  configuredMegabits: null,
  shapeFraction: 0.96,
  controlMegabits: 5,
};

describe('judgeNic', () => {
  it.each<[string, Partial<NicFacts>, string, 'ok' | 'warn' | 'fail', RegExp]>([
    ['a good one', {}, 'nic.speed', 'ok', /10000 Mbit\/s, as the NIC says/],
    ['none', { link: null }, 'nic.exists', 'fail', /no interface "eth0"/],
    ['one that is down', { link: { ...UP, up: false } }, 'nic.up', 'fail', /is down/],
    ['one without carrier', { link: { ...UP, carrier: false } }, 'nic.up', 'fail', /no carrier/],
    ['a member of a bond', { link: { ...UP, master: { name: 'bond0', kind: 'bond' } } }, 'nic.exists', 'fail', /bond0/],
    ['a member of a team', { link: { ...UP, master: { name: 'team0', kind: 'team' } } }, 'nic.exists', 'fail', /team0/],
    [
      'a port of a bridge',
      { link: { ...UP, master: { name: 'br0', kind: 'bridge' } } },
      'nic.exists',
      'ok',
      /br0 \(bridge/,
    ],
    ['an unknown speed', { knownMegabits: null }, 'nic.speed', 'fail', /does not tell/],
    ['a configured speed', { knownMegabits: null, configuredMegabits: 500 }, 'nic.speed', 'ok', /500 Mbit\/s, as conf/],
    ['a configured speed above its own', { configuredMegabits: 20_000 }, 'nic.speed', 'warn', /says 10000/],
    ['a configured speed below its own', { configuredMegabits: 5000 }, 'nic.speed', 'ok', /5000/],
    ['one that control takes whole', { configuredMegabits: 5 }, 'nic.speed', 'fail', /leaves nothing/],
  ])('%s', (_, change, check, state, found) => {
    const finding = judgeNic({ ...GOOD, ...change }).find((each) => each.check === check);
    expect(finding?.state).toBe(state);
    expect(finding?.found).toMatch(found);
    expect(finding?.todo === null).toBe(state === 'ok');
  });

  it('says what to do about a bond: take the bond', () => {
    const [finding] = judgeNic({ ...GOOD, link: { ...UP, master: { name: 'bond0', kind: 'bond' } } });
    expect(finding?.todo).toBe('Set "nic" to bond0.');
  });
});
