import { describe, expect, it } from 'vitest';
import { type CountingFacts, judgeCounting } from '../../../../../hostd/check/judge/counting.ts';

const GOOD: CountingFacts = {
  wanted: 'auto',
  obstacles: { nftables: null, iptables: null },
  bridgeCalls: { ipv4: '1', ipv6: '1' },
  openvswitch: false,
};
const noNft = { nftables: 'nft -c -f -: spawn nft ENOENT', iptables: null };

describe('judgeCounting', () => {
  it.each<[string, Partial<CountingFacts>, ('ok' | 'warn' | 'fail')[], RegExp]>([
    ['nftables first', {}, ['ok'], /^nftables/],
    ['taps behind Open vSwitch', { openvswitch: true }, ['ok'], /behind Open vSwitch/],
    ['iptables where nftables is missing', { obstacles: noNft }, ['warn', 'ok'], /^iptables.*not see ARP/],
    [
      'iptables that sees no bridge',
      { obstacles: noNft, bridgeCalls: { ipv4: '0', ipv6: '1' } },
      ['warn', 'fail'],
      /./,
    ],
    [
      'iptables without br_netfilter',
      { obstacles: noNft, bridgeCalls: { ipv4: null, ipv6: null } },
      ['warn', 'fail'],
      /./,
    ],
    ['neither', { obstacles: { ...noNft, iptables: 'spawn iptables-save ENOENT' } }, ['fail'], /nftables.*iptables/],
    ['nftables wanted and missing', { wanted: 'nftables', obstacles: noNft }, ['fail'], /nftables does not work/],
    ['iptables wanted', { wanted: 'iptables' }, ['ok', 'ok'], /set in the configuration/],
    ['taps wanted', { wanted: 'tap', obstacles: noNft }, ['ok'], /counters of the taps/],
  ])('%s', (_, change, states, found) => {
    const findings = judgeCounting({ ...GOOD, ...change });
    expect(findings.map(({ state }) => state)).toEqual(states);
    expect(findings[0]?.found).toMatch(found);
  });

  it('names the very sysctl that is off', () => {
    const findings = judgeCounting({ ...GOOD, obstacles: noNft, bridgeCalls: { ipv4: '1', ipv6: '0' } });
    expect(findings[1]?.todo).toBe('sysctl -w net.bridge.bridge-nf-call-ip6tables=1, and keep it in /etc/sysctl.d.');
  });
});
