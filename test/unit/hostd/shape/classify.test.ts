import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifier } from '../../../../hostd/shape/classify.ts';
import type { Classified, HostAddress } from '../../../../hostd/shape/way.ts';
import { type Frame, frame } from '../../../host/frames.ts';
import { type Beside, runBpf } from './run-bpf.ts';

const CLASSES = { control: 1, migration: 2, acks: 3 };
const NAMES = ['workload', 'control', 'migration', 'acks'];

function host(address: string, ...vlans: number[]): HostAddress {
  return { address, vlans };
}

const V4: Classified = {
  direction: 'tx',
  ownAddresses: [host('10.9.0.1'), host('192.0.2.1')],
  migration: host('10.9.0.1'),
  peers: ['10.9.0.0/28', 'fd00:9::/61'],
  controlPorts: [22, 16509],
};
const V6: Classified = { ...V4, migration: host('fd00:9::1'), ownAddresses: [host('fd00:9::1'), host('10.9.0.1')] };

function classOf(traffic: Classified, wanted: Frame, beside: Beside = {}): string | undefined {
  return NAMES[runBpf(classifier(traffic, CLASSES), frame(wanted), beside)];
}

const TO_PEER = { source: '10.9.0.1', destination: '10.9.0.2', sourcePort: 40_000, destinationPort: 49_152 };
const TO_PEER_V6 = { ...TO_PEER, source: 'fd00:9::1', destination: 'fd00:9:0:7::2' };

describe.each([
  ['IPv4', V4, TO_PEER, '10.9.0.16', '10.9.0.3'],
  ['IPv6', V6, TO_PEER_V6, 'fd00:9:0:8::2', 'fd00:9::3'],
] as const)('over %s', (_, traffic, flow, stranger, tenant) => {
  it.each([
    [49_151, 'workload'],
    [49_152, 'migration'],
    [49_215, 'migration'],
    [49_216, 'workload'],
    [22, 'control'],
  ] as const)('a flow to or from port %i is %s', (port, expected) => {
    expect(classOf(traffic, { ...flow, destinationPort: port })).toBe(expected);
    expect(classOf(traffic, { ...flow, sourcePort: port, destinationPort: 40_000 })).toBe(expected);
    const back = { ...flow, source: flow.destination, destination: flow.source, sourcePort: port };
    expect(classOf({ ...traffic, direction: 'rx' }, { ...back, destinationPort: 40_000 })).toBe(expected);
    expect(classOf(traffic, { ...back, destinationPort: 40_000 }), 'not its own').toBe('workload');
  });

  it("a tenant's flow on the same ports, and one to who is no peer, are workload", () => {
    expect(classOf(traffic, { ...flow, source: tenant })).toBe('workload');
    expect(classOf(traffic, { ...flow, source: tenant, destinationPort: 22 })).toBe('workload');
    expect(classOf(traffic, { ...flow, destination: stranger })).toBe('workload');
  });

  it('UDP on those ports is workload', () => {
    expect(classOf(traffic, { ...flow, protocol: 17 })).toBe('workload');
  });
});

describe('what is in the way of the ports', () => {
  it.each([4, 12, 40])('%i bytes of IPv4 options are passed over', (optionBytes) => {
    expect(classOf(V4, { ...TO_PEER, optionBytes })).toBe('migration');
    expect(classOf(V4, { ...TO_PEER, optionBytes, destinationPort: 22 })).toBe('control');
  });

  it('the first fragment has ports; in the others payload is not taken for them', () => {
    expect(classOf(V4, { ...TO_PEER, moreFragments: true })).toBe('migration');
    expect(classOf(V4, { ...TO_PEER, fragmentOffset: 185 })).toBe('workload');
    const fragment = { ...TO_PEER_V6, extensions: [[44, 8]] as const };
    expect(classOf(V6, { ...fragment, moreFragments: true })).toBe('migration');
    expect(classOf(V6, { ...fragment, fragmentOffset: 181 })).toBe('workload');
  });

  it.each([
    [[[0, 8]]],
    [[[60, 24]]],
    [
      [
        [0, 16],
        [60, 8],
        [43, 24],
        [44, 8],
      ],
    ],
  ] as [number, number][][][])('IPv6 extension headers %j are passed over', (extensions) => {
    expect(classOf(V6, { ...TO_PEER_V6, extensions })).toBe('migration');
    expect(classOf(V6, { ...TO_PEER_V6, extensions, destinationPort: 16_509 })).toBe('control');
  });

  it('five headers, and ESP, are too much', () => {
    const five = Array.from({ length: 5 }, () => [60, 8] as const);
    expect(classOf(V6, { ...TO_PEER_V6, extensions: five })).toBe('workload');
    expect(classOf(V6, { ...TO_PEER_V6, protocol: 50 })).toBe('workload');
  });

  it('a frame that ends before its ports is workload', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 53 }), (length) => {
        expect(runBpf(classifier(V6, CLASSES), frame(TO_PEER_V6).subarray(0, length))).toBe(0);
      }),
    );
  });
});

describe('what keeps the network up is control', () => {
  it('ARP, whoever sends it', () => {
    const arp = Buffer.from(`${'ff'.repeat(6)}${'02'.repeat(6)}0806${'00'.repeat(28)}`, 'hex');
    expect(runBpf(classifier(V6, CLASSES), arp)).toBe(CLASSES.control);
  });

  it('neighbour discovery and MLD between any addresses, other ICMPv6 of own addresses only', () => {
    const icmp = (icmpType: number, more: Partial<Frame> = {}) =>
      classOf(V4, { source: 'fe80::1', destination: 'ff02::1:ff00:2', protocol: 58, icmpType, ...more });
    for (const type of [130, 131, 132, 133, 134, 135, 136, 137, 143]) expect(icmp(type), String(type)).toBe('control');
    for (const type of [1, 128, 129, 138, 142, 144]) expect(icmp(type), String(type)).toBe('workload');
    expect(icmp(135, { source: '::' })).toBe('control');
    // MLD comes with a router alert (RFC 2710 section 3).
    expect(icmp(143, { extensions: [[0, 8]] })).toBe('control');
    expect(icmp(128, { extensions: [[0, 8]] })).toBe('workload');
    expect(classOf(V6, { source: 'fd00:9::1', destination: 'fd00:9::2', protocol: 58, icmpType: 128 })).toBe('control');
  });

  it("the host's own ICMP", () => {
    expect(classOf(V4, { source: '192.0.2.1', destination: '198.51.100.1', protocol: 1, icmpType: 8 })).toBe('control');
    expect(classOf(V4, { source: '192.0.2.9', destination: '198.51.100.1', protocol: 1, icmpType: 8 })).toBe(
      'workload',
    );
  });
});

describe('VLAN tags', () => {
  const tagged: Classified = {
    ...V4,
    migration: host('10.9.0.1', 100),
    ownAddresses: [host('10.9.0.1', 100), host('192.0.2.1')],
  };
  const stacked: Classified = {
    ...V6,
    migration: host('fd00:9::1', 10, 20),
    ownAddresses: [host('fd00:9::1', 10, 20)],
  };

  it('inside the frame or beside it, the id being that of the address', () => {
    expect(classOf(tagged, { ...TO_PEER, tags: [100] })).toBe('migration');
    expect(classOf(tagged, TO_PEER, { tag: 100 })).toBe('migration');
    expect(classOf(tagged, { ...TO_PEER, destinationPort: 22 }, { tag: 0xe064 })).toBe('control');
    expect(classOf(tagged, { ...TO_PEER, optionBytes: 8 }, { tag: 100 })).toBe('migration');
  });

  it('of another id are those of a tenant who has the same addresses', () => {
    for (const [tags, tag] of [
      [[101], undefined],
      [[], 101],
      [[], undefined],
      [[100], 100],
      [[5, 100], undefined],
    ] as const) {
      expect(classOf(tagged, { ...TO_PEER, tags }, tag === undefined ? {} : { tag }), JSON.stringify([tags, tag])).toBe(
        'workload',
      );
    }
    expect(classOf(V4, { ...TO_PEER, tags: [100] })).toBe('workload');
    expect(classOf(V4, TO_PEER, { tag: 100 })).toBe('workload');
  });

  it('two of them (802.1ad), the outer one inside the frame or beside it', () => {
    expect(classOf(stacked, { ...TO_PEER_V6, tags: [10, 20] })).toBe('migration');
    expect(classOf(stacked, { ...TO_PEER_V6, tags: [20] }, { tag: 10 })).toBe('migration');
    expect(classOf(stacked, { ...TO_PEER_V6, tags: [20, 10] })).toBe('workload');
    expect(classOf(stacked, { ...TO_PEER_V6, tags: [20] })).toBe('workload');
  });

  it('an address without tags beside one with them', () => {
    const flow = { ...TO_PEER, source: '192.0.2.1', destinationPort: 22 };
    expect(classOf(tagged, flow)).toBe('control');
    expect(classOf(tagged, { ...flow, tags: [100] })).toBe('workload');
    // A mere priority.
    expect(classOf(tagged, flow, { tag: 0 })).toBe('control');
  });

  it('ARP and neighbour discovery inside them are control too', () => {
    const discovery = { source: 'fe80::1', destination: 'ff02::1:ff00:2', protocol: 58, icmpType: 135 };
    expect(classOf(tagged, { ...discovery, tags: [100] })).toBe('control');
    expect(classOf(tagged, discovery, { tag: 100 })).toBe('control');
  });
});

describe('the program', () => {
  it('agrees with a plain reading of the rules, whatever the addresses, ports and tags', () => {
    const addresses = ['10.9.0.1', '192.0.2.1', '10.9.0.5', '10.9.0.200', '172.16.0.1'];
    const traffic: Classified = {
      ...V4,
      migration: host('10.9.0.1', 100),
      ownAddresses: [host('10.9.0.1', 100), host('192.0.2.1')],
    };
    const ports = fc.constantFrom(22, 80, 16_509, 49_151, 49_152, 49_200, 49_215, 49_216);
    const tags = fc.constantFrom<[number[], number | undefined]>(
      [[], undefined],
      [[], 100],
      [[100], undefined],
      [[7], undefined],
    );
    fc.assert(
      fc.property(
        fc.constantFrom('tx' as const, 'rx' as const),
        fc.constantFrom(...addresses),
        fc.constantFrom(...addresses),
        ports,
        ports,
        tags,
        fc.constantFrom(0, 4, 20),
        (direction, source, destination, sourcePort, destinationPort, [inside, beside], optionBytes) => {
          const [own, far] = direction === 'tx' ? [source, destination] : [destination, source];
          const id = beside ?? inside[0] ?? null;
          const either = [sourcePort, destinationPort];
          const isOwn = (own === '10.9.0.1' && id === 100) || (own === '192.0.2.1' && id === null);
          const migrates =
            own === '10.9.0.1' && id === 100 && /^10\.9\.0\.\d$/.test(far) && either.some((port) => port >> 6 === 768);
          const controls = isOwn && either.some((port) => traffic.controlPorts.includes(port));
          const flow = { source, destination, sourcePort, destinationPort, tags: inside, optionBytes };
          expect(classOf({ ...traffic, direction }, flow, beside === undefined ? {} : { tag: beside })).toBe(
            migrates ? 'migration' : controls ? 'control' : 'workload',
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('fits what tc can send with as many peers as the configuration takes', () => {
    const peers = Array.from({ length: 32 }, (_, index) => `fd00:${index.toString(16)}::/61`);
    const [length] = classifier({ ...V6, peers, migration: host('fd00:9::1', 1, 2) }, CLASSES).split(',');
    expect(Number(length)).toBeLessThan(2000);
  });
});
