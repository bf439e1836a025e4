import { describe, expect, it } from 'vitest';
import { parseNetDev } from '../../../../hostd/measure/counters.ts';
import { countingRules, parseNftCounters } from '../../../../hostd/measure/netfilter.ts';

describe('parseNftCounters', () => {
  it('adds the Ethernet header to every packet, and reads an empty set', () => {
    // Printed by nft 1.0.6.
    const pairs =
      '{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"set": {"family": "bridge", "name": "pairs", "table": "drover", "type": ["ifname", "ifname"], "handle": 2, "size": 65536, "flags": ["timeout"], "timeout": 3600, "elem": [{"elem": {"val": {"concat": ["t2", "t1"]}, "expires": 3599, "counter": {"packets": 3, "bytes": 252}}}]}}]}';
    const named =
      '{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"counter": {"family": "inet", "name": "migration_tx", "table": "drover", "handle": 1, "packets": 2, "bytes": 100}}]}';
    const counters = parseNftCounters([pairs, named]);
    expect([...counters.pairs]).toEqual([['t2/t1', 252 + 3 * 14]]);
    expect(counters.migrationTxBytes).toBe(128);
    const empty =
      '{"nftables": [{"set": {"family": "bridge", "name": "pairs", "table": "drover", "stmt": [{"counter": null}]}}]}';
    expect(parseNftCounters([empty]).pairs.size).toBe(0);
  });
});

describe('countingRules', () => {
  it('matches the peers of the address family only', () => {
    const rules = countingRules({ address: '10.0.0.1', peers: ['10.0.0.0/24', 'fd00::/64'] });
    expect(rules).toContain('ip daddr { 10.0.0.0/24 } tcp dport 49152-49215');
    expect(rules).not.toContain('fd00');
  });

  it('counts after the filters and behind br_netfilter, which stops all hooks up to its own priority 0', () => {
    expect(countingRules({ address: 'fd00::1', peers: ['fd00::/64'] })).toMatch(
      /bridge drover forward .* priority 400/,
    );
  });
});

describe('parseNetDev', () => {
  it('reads received and sent bytes', () => {
    const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        1       0    0    0    0     0       0          0
  nic0: 1000      10    0    0    0     0          0         0     2000      20    0    0    0     0       0          0
`;
    expect(parseNetDev(text).get('nic0')).toEqual({ rxBytes: 1000, txBytes: 2000 });
  });
});
