import { describe, expect, it } from 'vitest';
import { addressWords } from '../../../../hostd/address.ts';
import { type InterfaceAddress, parseAddress } from '../../../../hostd/measure/count/addresscodec.ts';
import { type Link, parseLink } from '../../../../hostd/measure/count/linkcodec.ts';
import { attribute, netlinkMessage, text } from '../../../../hostd/measure/count/netlink.ts';
import { vlansOnNic, whyNotShapeable } from '../../../../hostd/shape/wire.ts';

interface Told {
  name: string;
  kind?: string;
  master?: string;
  link?: string;
  vlan?: number;
  ethernet?: boolean;
}

/** Index = place in the list + 1; `master` and `link` by name. */
function links(...list: Told[]): Link[] {
  const index = (name: string | undefined) => list.findIndex((each) => each.name === name) + 1;
  return list.map(({ name, kind = '', master, link, vlan = 0, ethernet = true }) => {
    return { index: index(name), name, kind, master: index(master), link: index(link), ipv6: false, vlan, ethernet };
  });
}

const HOST = links(
  { name: 'bond0', master: 'br0' },
  { name: 'br0', kind: 'bridge' },
  { name: 'tap0', kind: 'tun', master: 'br0' },
  { name: 'br0.30', kind: 'vlan', link: 'br0', vlan: 30 },
  { name: 'bond0.100', kind: 'vlan', link: 'bond0', vlan: 100 },
  { name: 'brq-vlan', kind: 'bridge' },
  { name: 'bond0.200', kind: 'vlan', link: 'bond0', vlan: 200, master: 'brq-vlan' },
  { name: 'bond0.10', kind: 'vlan', link: 'bond0', vlan: 10 },
  { name: 'bond0.10.20', kind: 'vlan', link: 'bond0.10', vlan: 20 },
  { name: 'mac0', kind: 'macvlan', link: 'bond0.100' },
  { name: 'vxlan-42', kind: 'vxlan', link: 'br0' },
  { name: 'eth9' },
);

function addresses(...list: [string, string][]): InterfaceAddress[] {
  return list.map(([name, address]) => {
    return { index: HOST.find((link) => link.name === name)?.index ?? 0, words: addressWords(address) };
  });
}

describe('vlansOnNic', () => {
  it.each([
    ['br0', []],
    ['bond0', []],
    ['br0.30', [30]],
    ['bond0.100', [100]],
    ['brq-vlan', [200]],
    ['bond0.10.20', [10, 20]],
    ['mac0', [100]],
    ['vxlan-42', null],
    ['eth9', null],
    ['tap0', null],
  ])('packets of an address on %s bear %j', (name, vlans) => {
    for (const address of ['10.0.0.1', 'fd00::1']) {
      expect(vlansOnNic(address, 'bond0', { links: HOST, addresses: addresses([name, address]) })).toEqual(vlans);
    }
  });

  it('an address that is on several interfaces is looked for where it leads to the NIC', () => {
    const several = addresses(['eth9', 'fe80::1'], ['bond0.100', 'fe80::1']);
    expect(vlansOnNic('fe80::1', 'bond0', { links: HOST, addresses: several })).toEqual([100]);
    expect(vlansOnNic('fe80::2', 'bond0', { links: HOST, addresses: several })).toBeNull();
  });

  it('ends where interfaces are stacked in a ring', () => {
    const ring = links(
      { name: 'a', kind: 'vlan', link: 'b', vlan: 1 },
      { name: 'b', kind: 'vlan', link: 'a', vlan: 2 },
    );
    expect(vlansOnNic('10.0.0.1', 'nic0', { links: ring, addresses: [{ index: 1, words: [0x0a000001] }] })).toBeNull();
  });
});

describe('whyNotShapeable', () => {
  const bonded = links(
    { name: 'eth0', master: 'bond0' },
    { name: 'bond0', kind: 'bond', master: 'br0' },
    { name: 'br0', kind: 'bridge' },
    { name: 'eth1', master: 'team0' },
    { name: 'team0', kind: 'team' },
    { name: 'ib0', ethernet: false },
  );

  it('refuses a port of a bond or a team and names what to set; what is a port of a bridge will do', () => {
    expect(whyNotShapeable('eth0', bonded)).toContain('"nic: bond0"');
    expect(whyNotShapeable('eth1', bonded)).toContain('"nic: team0"');
    expect(whyNotShapeable('bond0', bonded)).toBeNull();
  });

  it('refuses what has no Ethernet frames', () => {
    expect(whyNotShapeable('ib0', bonded)).toContain('no Ethernet');
  });
});

describe('what the kernel tells', () => {
  it('of a VLAN device: the interface under it and the id (IFLA_LINK, IFLA_VLAN_ID)', () => {
    const u16 = (value: number) => Buffer.from([value & 0xff, value >> 8]);
    const data = attribute(2, Buffer.concat([attribute(5, u16(0x0081)), attribute(1, u16(100))]));
    const header = Buffer.alloc(16);
    header.writeUInt16LE(1, 2);
    header.writeInt32LE(7, 4);
    const info = attribute(18, Buffer.concat([attribute(1, text('vlan')), data]));
    const link = attribute(5, Buffer.from([3, 0, 0, 0]));
    const message = netlinkMessage(16, 0, 1, header, attribute(3, text('bond0.100')), link, info);
    expect(parseLink(message, 16, 16, message.length)).toMatchObject({
      index: 7,
      name: 'bond0.100',
      kind: 'vlan',
      link: 3,
      vlan: 100,
      ethernet: true,
    });
  });

  it('of an address: its own end where it is point to point', () => {
    const header = Buffer.from([2, 32, 0, 0, 9, 0, 0, 0]);
    const body = [attribute(1, Buffer.from([10, 0, 0, 2])), attribute(2, Buffer.from([10, 0, 0, 1]))];
    const message = netlinkMessage(20, 0, 1, header, ...body);
    expect(parseAddress(message, 20, 16, message.length)).toEqual({ index: 9, words: [0x0a000001] });
  });
});
