import { describe, expect, it } from 'vitest';
import { type HostFacts, judgeHosts } from '../../../../plugin/check/judge/hosts.ts';

const GOOD: HostFacts = {
  name: 'compute-1',
  url: 'https://10.0.0.11:7411',
  error: null,
  info: { host: 'compute-1', postCopy: { permitted: true, reason: '' } },
  mayReserve: true,
  clock: { offsetMs: 3, errorMs: 2 },
};
const OTHER = { host: 'compute-2', postCopy: { permitted: true, reason: '' } };
const NO_POST_COPY = { host: 'compute-1', postCopy: { permitted: false, reason: 'nova.conf forbids it' } };
const judge = (change: Partial<HostFacts>, computeHosts: string[] | null = ['compute-1']) =>
  judgeHosts([{ ...GOOD, ...change }], computeHosts);
const stateOf = (findings: ReturnType<typeof judge>, check: string) =>
  findings.find((each) => each.check === check)?.state;

describe('judgeHosts', () => {
  it('has nothing against a host as it should be', () => {
    expect(judge({}).map(({ state }) => state)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  it.each<[string, Partial<HostFacts>, string, string]>([
    ['a hostd that does not answer', { error: 'refused', info: null }, 'hostd.reach', 'fail'],
    ['the hostd of another host', { info: OTHER }, 'hostd.reach', 'fail'],
    ['a certificate that may only read', { mayReserve: false }, 'hostd.role', 'fail'],
    ['no post-copy', { info: NO_POST_COPY }, 'hostd.post-copy', 'warn'],
    ['a clock that is 2 s away', { clock: { offsetMs: -2000, errorMs: 5 } }, 'hostd.clock', 'warn'],
    ['a clock that may be right', { clock: { offsetMs: 2000, errorMs: 1500 } }, 'hostd.clock', 'ok'],
  ])('%s', (_, change, check, state) => {
    expect(stateOf(judge(change), check)).toBe(state);
  });

  it('knows a name that Nova does not, and a host without hostd', () => {
    expect(judge({}, ['Compute-1', 'compute-2']).slice(-2)).toMatchObject([
      { state: 'fail', found: 'Nova has no nova-compute on compute-1' },
      { state: 'warn', found: expect.stringContaining('no hostd on Compute-1, compute-2') },
    ]);
    expect(stateOf(judge({}, null), 'hostd.names')).toBeUndefined();
  });

  it('warns where no host is configured', () => {
    expect(judgeHosts([], [])).toMatchObject([{ check: 'hostd.hosts', state: 'warn' }]);
  });
});
