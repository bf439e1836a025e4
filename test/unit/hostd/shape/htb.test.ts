import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LinkReservation } from '../../../../hostd/contract.ts';
import {
  buildOperations,
  cidrMatches,
  desiredTree,
  type LinkLimits,
  MIGRATION,
  shownRate,
  treeOperations,
  WORKLOAD,
} from '../../../../hostd/shape/htb.ts';
import { parseClasses, parseDevice, parseRate } from '../../../../hostd/shape/kernel.ts';

const LIMITS: LinkLimits = {
  direction: 'tx',
  totalBitsPerSecond: 480e6,
  controlBitsPerSecond: 5e6,
  ownAddresses: ['10.9.0.1'],
  migrationAddress: '10.9.0.1',
  peers: ['10.9.0.0/24'],
  controlPorts: [22],
};

function reservation(migration: number, workload: number, ceil = 480e6): LinkReservation {
  return {
    migration: { rateBitsPerSecond: migration, ceilBitsPerSecond: ceil, prio: 1 },
    workload: { rateBitsPerSecond: workload, ceilBitsPerSecond: 480e6, prio: 2 },
  };
}

// Printed by iproute2 6.1 for this tree.
const CLASSES = `class htb d707:1 root rate 480Mbit ceil 480Mbit burst 65460b cburst 65460b
class htb d707:10 parent d707:1 leaf d710: prio 0 rate 5Mbit ceil 480Mbit burst 64Kb cburst 65460b
class htb d707:20 parent d707:1 leaf d720: prio 1 rate 300Mbit ceil 480Mbit burst 65475b cburst 65460b
class htb d707:30 parent d707:1 leaf d730: prio 2 rate 100Mbit ceil 480Mbit burst 65512b cburst 65460b
`;
const FILTERS = `filter parent d707: protocol arp pref 1 u32 chain 0
filter parent d707: protocol arp pref 1 u32 chain 0 fh 800: ht divisor 1
filter parent d707: protocol arp pref 1 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 *flowid d707:10 not_in_hw
  match 00000000/00000000 at 0
filter parent d707: protocol ip pref 2 u32 chain 0 fh 801::800 order 2048 key ht 801 bkt 0 *flowid d707:20 not_in_hw
  match 00060000/00ff0000 at 8
  match 0a090001/ffffffff at 12
  match 0a090000/ffffff00 at 16
  match 0000c000/0000ffc0 at 20
filter parent d707: protocol ip pref 2 u32 chain 0 fh 801::801 order 2049 key ht 801 bkt 0 *flowid d707:20 not_in_hw
  match 00060000/00ff0000 at 8
  match 0a090001/ffffffff at 12
  match 0a090000/ffffff00 at 16
  match c0000000/ffc00000 at 20
filter parent d707: protocol ip pref 2 u32 chain 0 fh 801::802 order 2050 key ht 801 bkt 0 *flowid d707:10 not_in_hw
  match 00060000/00ff0000 at 8
  match 0a090001/ffffffff at 12
  match 00000016/0000ffff at 20
filter parent d707: protocol ip pref 2 u32 chain 0 fh 801::803 order 2051 key ht 801 bkt 0 *flowid d707:10 not_in_hw
  match 00060000/00ff0000 at 8
  match 0a090001/ffffffff at 12
  match 00160000/ffff0000 at 20
filter parent d707: protocol ip pref 2 u32 chain 0 fh 801::804 order 2052 key ht 801 bkt 0 *flowid d707:10 not_in_hw
  match 00010000/00ff0000 at 8
  match 0a090001/ffffffff at 12
`;
const QDISCS = `qdisc htb d707: root refcnt 3 r2q 1000 default 0x30 direct_packets_stat 0 direct_qlen 1000
qdisc bfifo d710: parent d707:10 limit 1172Kb
qdisc bfifo d720: parent d707:20 limit 1172Kb
qdisc bfifo d730: parent d707:30 limit 1172Kb
`;

describe('treeOperations', () => {
  const kernel = parseDevice(QDISCS + CLASSES + FILTERS).tree;

  it('finds nothing to do where the kernel has the tree', () => {
    expect(treeOperations('nic0', kernel, desiredTree(reservation(300e6, 100e6), LIMITS))).toEqual([]);
  });

  it('changes only the class whose rate differs', () => {
    const operations = treeOperations('nic0', kernel, desiredTree(reservation(200e6, 100e6), LIMITS));
    expect(operations).toHaveLength(1);
    expect(operations[0]).toMatch(
      new RegExp(`^class change dev nic0 parent d707:1 classid ${MIGRATION} htb rate 200000000 `),
    );
  });

  it('shortens the queue with the ceil', () => {
    const operations = treeOperations('nic0', kernel, desiredTree(reservation(100e6, 100e6, 100e6), LIMITS));
    expect(operations[1]).toBe(`qdisc change dev nic0 parent ${MIGRATION} handle d720: bfifo limit 249856`);
  });

  it('builds anew what is half there or has other filters', () => {
    const half = parseDevice(`${QDISCS}${CLASSES.split('\n').slice(0, 2).join('\n')}\n`).tree;
    const desired = desiredTree(reservation(300e6, 100e6), LIMITS);
    expect(treeOperations('nic0', half, desired)[0]).toBe('qdisc del dev nic0 root');
    const other = desiredTree(reservation(300e6, 100e6), { ...LIMITS, peers: ['10.8.0.0/24'] });
    expect(treeOperations('nic0', kernel, other)).toEqual([
      'qdisc del dev nic0 root',
      ...buildOperations('nic0', other),
    ]);
  });
});

describe('desiredTree', () => {
  it('never gives a class more than the whole', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2e9 }), fc.integer({ min: 1, max: 2e9 }), (migration, workload) => {
        for (const [id, each] of desiredTree(reservation(migration, workload, 2e9), LIMITS).classes) {
          expect(each.rate, id).toBeLessThanOrEqual(480e6);
          expect(each.ceil, id).toBeLessThanOrEqual(480e6);
        }
      }),
    );
  });

  it('matches the way in with the addresses turned round', () => {
    const { filters } = desiredTree(reservation(1e6, 1e6), { ...LIMITS, direction: 'rx' });
    expect(filters.find(({ flowid }) => flowid === MIGRATION)?.matches).toEqual([
      '00060000/00ff0000 at 8',
      '0a090001/ffffffff at 16',
      '0a090000/ffffff00 at 12',
      '0000c000/0000ffc0 at 20',
    ]);
  });

  it("leaves a tenant's ssh in the workload class: control is for the host's own addresses", () => {
    const { filters, defaultMinor } = desiredTree(reservation(1e6, 1e6), LIMITS);
    expect(WORKLOAD.endsWith(defaultMinor.slice(2))).toBe(true);
    for (const { protocol, matches } of filters.filter((filter) => filter.protocol !== 'arp')) {
      expect(matches, protocol).toContain('0a090001/ffffffff at 12');
    }
  });
});

describe('rates', () => {
  it('are rounded down to what tc prints exactly, so that they can be compared', () => {
    expect(shownRate(300_123_456)).toBe(300_123_000);
    expect(shownRate(9_600_500_000)).toBe(9_600_000_000);
    fc.assert(
      fc.property(fc.integer({ min: 8000, max: 1e11 }), (rate) => shownRate(shownRate(rate)) === shownRate(rate)),
    );
  });

  it('are read in every unit of tc', () => {
    expect(['8bit', '300123Kbit', '480Mbit', '10Gbit'].map(parseRate)).toEqual([8, 300_123_000, 480e6, 10e9]);
    expect(parseRate('fast')).toBeNaN();
    expect(parseClasses(CLASSES).get(MIGRATION)).toEqual({ parent: 'd707:1', prio: 1, rate: 300e6, ceil: 480e6 });
    expect(parseDevice(QDISCS + CLASSES + FILTERS).tree?.filters).toHaveLength(6);
  });
});

describe('cidrMatches', () => {
  it('covers IPv4 and IPv6', () => {
    expect(cidrMatches('10.77.0.0/23', 'destination')).toEqual(['0a4d0000/fffffe00 at 16']);
    expect(cidrMatches('fd00:1::/48', 'source')).toEqual(['fd000001/ffffffff at 8', '00000000/ffff0000 at 12']);
    expect(cidrMatches('fd00::5', 'destination').at(-1)).toBe('00000005/ffffffff at 36');
    expect(cidrMatches('0.0.0.0/0', 'source')).toEqual([]);
  });
});
