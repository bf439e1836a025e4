import { describe, expect, it } from 'vitest';
import { parseNetDev } from '../../../../hostd/measure/count/tap.ts';
import type { Topology } from '../../../../hostd/measure/count/uplinks.ts';
import { nftRules } from '../../../../hostd/measure/netfilter.ts';

const topology: Topology = {
  nic: 'eth0',
  uplinks: [{ name: 'eth0', overheadBytes: 0, master: 2 }],
  nicBridge: 'br0',
  ownDevices: ['eth0'],
  taps: [],
  openvswitch: false,
};
const own = {
  migrationAddresses: ['10.0.0.1', 'fd00::1'],
  peers: ['10.0.0.0/24', 'fd00::/64'],
  ownAddresses: ['10.0.0.1', 'fd00::1', '192.0.2.1'],
  controlPorts: [22, 5672],
};

describe('nftRules', () => {
  it('matches addresses of each family with peers of the same', () => {
    const rules = nftRules(topology, own, true);
    expect(rules).toContain('ip saddr { 10.0.0.1 } ip daddr { 10.0.0.0/24 } tcp dport 49152-49215');
    expect(rules).toContain('ip6 saddr { fd00::1 } ip6 daddr { fd00::/64 } tcp dport 49152-49215');
    const ipv4 = nftRules(topology, { ...own, migrationAddresses: ['10.0.0.1'], ownAddresses: ['10.0.0.1'] }, true);
    expect(ipv4).not.toContain('fd00');
  });

  it('judges migration before control, and nothing twice', () => {
    const output = nftRules(topology, own, true)
      .split('\n')
      .filter((line) => line.includes('rule bridge drover output') && line.includes('ip saddr'));
    const kinds = output.map((line) => /counter name (\w+)_tx accept$/.exec(line)?.[1]);
    expect(kinds).toEqual(['migration', 'migration', 'control', 'control', 'control']);
  });

  it('counts after the filters and behind br_netfilter, which stops all hooks up to its own priority 0', () => {
    expect(nftRules(topology, own, true)).toMatch(/bridge drover forward .* priority 400/);
  });

  it("counts the host's own packets at the bridge port, or at the interfaces where the NIC is none", () => {
    const port = nftRules(topology, own, true);
    expect(port).toContain('add rule bridge drover output oifname { "eth0" }');
    expect(port).toContain('delete table inet drover');
    const plain = nftRules({ ...topology, nicBridge: null, ownDevices: ['eth0', 'eth0.7'] }, own, true);
    expect(plain).toContain('add rule inet drover output oifname { "eth0", "eth0.7" }');
    expect(plain).not.toContain('delete');
    expect(nftRules({ ...topology, nicBridge: null, ownDevices: null }, own, true)).toContain('output oifname != "lo"');
  });

  it.each(['a"b', 'a*', 'a\\b', '\xff\xfe'])('leaves out an uplink called %j, which nft cannot name', (name) => {
    const uplinks = [...topology.uplinks, { name, overheadBytes: 50, master: 3 }];
    expect(nftRules({ ...topology, uplinks }, own, true)).toContain('iifname { "eth0" } update');
  });
});

describe('parseNetDev', () => {
  it('reads received and sent bytes', () => {
    const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        1       0    0    0    0     0       0          0
  nic0: 1000      10    0    0    0     0          0         0     2000      20    0    0    0     0       0          0
`;
    expect(parseNetDev(text)[1]).toEqual({ name: 'nic0', rxBytes: 1000, rxPackets: 10, txBytes: 2000, txPackets: 20 });
  });
});
