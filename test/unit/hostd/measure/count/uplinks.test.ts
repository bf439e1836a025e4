import { describe, expect, it } from 'vitest';
import { chooseMethod } from '../../../../../hostd/measure/count/detect.ts';
import type { Link } from '../../../../../hostd/measure/count/linkcodec.ts';
import { findTopology } from '../../../../../hostd/measure/count/uplinks.ts';

/** Index = place in the list + 1; `master` and `link` by name. */
function links(...list: { name: string; kind?: string; master?: string; link?: string; ipv6?: boolean }[]): Link[] {
  const index = (name: string | undefined) => list.findIndex((each) => each.name === name) + 1;
  return list.map(({ name, kind = '', master, link, ipv6 = false }) => ({
    index: index(name),
    name,
    kind,
    master: index(master),
    link: index(link),
    ipv6,
    vlan: 0,
    ethernet: true,
  }));
}

/** Neutron's Linux bridges: a flat network, a VLAN and a VXLAN on the host's own address. */
const NEUTRON = links(
  { name: 'lo' },
  { name: 'eth0', master: 'brq-flat' },
  { name: 'brq-flat', kind: 'bridge' },
  { name: 'tap-flat', kind: 'tun', master: 'brq-flat' },
  { name: 'eth0.100', kind: 'vlan', link: 'eth0', master: 'brq-vlan' },
  { name: 'brq-vlan', kind: 'bridge' },
  { name: 'tap-vlan', kind: 'tun', master: 'brq-vlan' },
  { name: 'vxlan-42', kind: 'vxlan', link: 'brq-flat', master: 'brq-vxlan' },
  { name: 'brq-vxlan', kind: 'bridge' },
  { name: 'tap-vxlan', kind: 'tun', master: 'brq-vxlan' },
);
const TAPS = ['tap-flat', 'tap-vlan', 'tap-vxlan'];

function overheads(found: ReturnType<typeof findTopology>) {
  return Object.fromEntries(found.uplinks.map(({ name, overheadBytes }) => [name, overheadBytes]));
}

describe('findTopology', () => {
  it('finds the ports that lead to the NIC, with what they add to a packet', () => {
    const found = findTopology(NEUTRON, 'eth0', TAPS);
    expect(overheads(found)).toEqual({ eth0: 0, 'eth0.100': 4, 'vxlan-42': 50 });
    expect(found.nicBridge).toBe('brq-flat');
    expect(found.taps.map(({ name, masterKind }) => [name, masterKind])).toEqual(TAPS.map((tap) => [tap, 'bridge']));
  });

  it('adds up what is stacked: VXLAN over IPv6 on a VLAN', () => {
    const stacked = links(
      { name: 'bond0' },
      { name: 'bond0.7', kind: 'vlan', link: 'bond0' },
      { name: 'vx', kind: 'vxlan', link: 'bond0.7', ipv6: true, master: 'br' },
      { name: 'gen', kind: 'geneve', master: 'br' },
      { name: 'br', kind: 'bridge' },
    );
    const found = findTopology(stacked, 'bond0', []);
    expect(overheads(found)).toEqual({ bond0: 0, vx: 74, gen: 50 });
    expect(found.nicBridge).toBeNull();
    expect(found.ownDevices).toEqual(['bond0', 'bond0.7']);
  });

  it('leaves out what leads to another NIC, other taps and other bridges', () => {
    const two = links(
      { name: 'eth0', master: 'br0' },
      { name: 'eth1', master: 'br1' },
      { name: 'eth1.5', kind: 'vlan', link: 'eth1', master: 'br0' },
      { name: 'br0', kind: 'bridge' },
      { name: 'br1', kind: 'bridge' },
      { name: 'tap', kind: 'tun', master: 'br0' },
    );
    expect(overheads(findTopology(two, 'eth0', []))).toEqual({ eth0: 0 });
  });

  it('ends with interfaces that lie on each other in a ring', () => {
    const ring = links(
      { name: 'a', kind: 'vlan', link: 'b', master: 'c' },
      { name: 'b', kind: 'vlan', link: 'a' },
      { name: 'c', kind: 'bridge' },
    );
    expect(findTopology(ring, 'eth0', []).uplinks).toEqual([]);
  });
});

describe('chooseMethod', () => {
  const works = { nftables: null, iptables: null };
  const bridges = findTopology(NEUTRON, 'eth0', TAPS);
  const noNft = { nftables: 'spawn nft ENOENT', iptables: null };

  it.each([
    ['auto', works, 'nftables', 'all taps are ports of Linux bridges'],
    ['auto', noNft, 'iptables', 'spawn nft ENOENT'],
    ['auto', { nftables: 'no', iptables: 'neither' }, 'tap', 'neither'],
    ['iptables', works, 'iptables', 'set in the configuration'],
  ] as const)('on Linux bridges, %s, %j: %s', (wanted, obstacles, method, reason) => {
    const choice = chooseMethod(wanted, bridges, obstacles);
    expect(choice.method).toBe(method);
    expect(choice.reason).toContain(reason);
  });

  it.each([
    [
      'Open vSwitch',
      links({ name: 'ovs-system', kind: 'openvswitch' }, { name: 'tap', kind: 'tun', master: 'ovs-system' }),
      'openvswitch',
    ],
    ['macvtap', links({ name: 'eth0' }, { name: 'tap', kind: 'macvtap', link: 'eth0' }), 'kind macvtap'],
    [
      'a bridge that leads to Open vSwitch',
      links(
        { name: 'ovs-system', kind: 'openvswitch' },
        { name: 'qbr', kind: 'bridge' },
        { name: 'tap', kind: 'tun', master: 'qbr' },
        { name: 'qvb', kind: 'veth', master: 'qbr' },
      ),
      'leads to Open vSwitch',
    ],
  ])('takes the taps themselves on %s, and says so', (_what, list, reason) => {
    const choice = chooseMethod('auto', findTopology(list, 'eth0', ['tap']), works);
    expect(choice.method).toBe('tap');
    expect(choice.reason).toContain(reason);
  });

  it('begins with nftables where no VM runs yet', () => {
    expect(chooseMethod('auto', findTopology(NEUTRON, 'eth0', []), works).method).toBe('nftables');
  });
});
