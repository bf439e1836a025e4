import { describe, expect, it } from 'vitest';
import { judgePrograms, type ProgramFacts } from '../../../../../hostd/check/judge/programs.ts';

const version = { version: 'x 1.0' };
const VERSIONS: ProgramFacts['versions'] = { tc: version, ip: version, nft: version, virsh: version };
const missing = { error: 'spawn x ENOENT' };
const states = (facts: ProgramFacts) =>
  Object.fromEntries(judgePrograms(facts).map(({ check, state }) => [check, state]));

describe('judgePrograms', () => {
  it('wants tc, ip and virsh, and only warns without nft: iptables may count', () => {
    expect(states({ versions: VERSIONS, tcTooOld: null })).toEqual({
      'programs.tc': 'ok',
      'programs.ip': 'ok',
      'programs.nft': 'ok',
      'programs.virsh': 'ok',
    });
    expect(states({ versions: { tc: missing, ip: missing, nft: missing, virsh: missing }, tcTooOld: null })).toEqual({
      'programs.tc': 'fail',
      'programs.ip': 'fail',
      'programs.nft': 'warn',
      'programs.virsh': 'fail',
    });
  });

  it('refuses a tc that prints no JSON', () => {
    const [tc] = judgePrograms({ versions: VERSIONS, tcTooOld: 'it prints no JSON' });
    expect(tc).toMatchObject({ state: 'fail', found: 'x 1.0: it prints no JSON' });
  });
});
