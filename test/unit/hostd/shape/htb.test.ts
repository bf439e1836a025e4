import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LinkReservation } from '../../../../hostd/contract.ts';
import {
  buildOperations,
  desiredTree,
  type LinkLimits,
  MIGRATION,
  shownRate,
  treeOperations,
  WORKLOAD,
  WORKLOAD_ACKS,
  WORKLOAD_BULK,
} from '../../../../hostd/shape/htb.ts';
import { parseClasses, parseDevice, parseRate } from '../../../../hostd/shape/kernel.ts';

const LIMITS: LinkLimits = {
  direction: 'tx',
  totalBitsPerSecond: 480e6,
  controlBitsPerSecond: 5e6,
  ownAddresses: [{ address: '10.9.0.1', vlans: [] }],
  migration: { address: '10.9.0.1', vlans: [] },
  peers: ['10.9.0.0/24'],
  controlPorts: [22],
};

function reservation(migration: number, workload: number, ceil = 480e6): LinkReservation {
  return {
    migration: { rateBitsPerSecond: migration, ceilBitsPerSecond: ceil, prio: 1 },
    workload: { rateBitsPerSecond: workload, ceilBitsPerSecond: Math.max(ceil, 480e6), prio: 2 },
  };
}

// Printed by iproute2 6.1 for this tree.
const CLASSES = `class htb d707:1 root rate 480Mbit ceil 480Mbit burst 65460b cburst 65460b
class htb d707:10 parent d707:1 leaf d710: prio 0 rate 5Mbit ceil 480Mbit burst 64Kb cburst 65460b
class htb d707:20 parent d707:1 leaf d720: prio 1 rate 300Mbit ceil 480Mbit burst 65475b cburst 65460b
class htb d707:30 parent d707:1 rate 100Mbit ceil 480Mbit burst 65512b cburst 65460b
class htb d707:31 parent d707:30 leaf d731: prio 0 rate 10Mbit ceil 48Mbit burst 65500b cburst 65520b
class htb d707:32 parent d707:30 leaf d732: prio 2 rate 90Mbit ceil 480Mbit burst 65475b cburst 65460b
`;
const FILTERS = `filter parent d707: protocol all pref 1 bpf chain 0 
filter parent d707: protocol all pref 1 bpf chain 0 handle 0x1 not_in_hw bytecode '${desiredTree(reservation(1, 1), LIMITS).classifier}'
`;
const QDISCS = `qdisc htb d707: root refcnt 3 r2q 1000 default 0x32 direct_packets_stat 0 direct_qlen 1000
qdisc bfifo d710: parent d707:10 limit 1172Kb
qdisc bfifo d720: parent d707:20 limit 1172Kb
qdisc bfifo d731: parent d707:31 limit 128Kb
qdisc bfifo d732: parent d707:32 limit 1172Kb
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

  it('puts another program in the place of the old one: no frame meets none', () => {
    const other = desiredTree(reservation(300e6, 100e6), { ...LIMITS, peers: ['10.8.0.0/24'] });
    expect(treeOperations('nic0', kernel, other)).toEqual([
      `filter replace dev nic0 parent d707: protocol all pref 1 handle 0x1 bpf bytecode "${other.classifier}"`,
    ]);
  });

  it('builds anew what is half there or has filters of somebody else', () => {
    const half = parseDevice(`${QDISCS}${CLASSES.split('\n').slice(0, 2).join('\n')}\n`).tree;
    const desired = desiredTree(reservation(300e6, 100e6), LIMITS);
    expect(treeOperations('nic0', half, desired)[0]).toBe('qdisc del dev nic0 root');
    const foreign = 'filter parent d707: protocol ip pref 9 u32 chain 0 fh 801::800 order 2048 key ht 801 bkt 0\n';
    for (const filters of ['', FILTERS + foreign, foreign]) {
      const { tree } = parseDevice(QDISCS + CLASSES + filters);
      expect(treeOperations('nic0', tree, desired)).toEqual([
        'qdisc del dev nic0 root',
        ...buildOperations('nic0', desired),
      ]);
    }
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

  it('gives acknowledgements a tenth of what the workload has, taken from it and not from others', () => {
    const { classes } = desiredTree(reservation(300e6, 100e6, 1e9), LIMITS);
    expect(classes.get(WORKLOAD_ACKS)).toEqual({ parent: WORKLOAD, prio: 0, rate: 10e6, ceil: 48e6 });
    expect(classes.get(WORKLOAD_BULK)).toEqual({ parent: WORKLOAD, prio: 2, rate: 90e6, ceil: 480e6 });
    expect(classes.get(WORKLOAD)).toMatchObject({ rate: 100e6, ceil: 480e6 });
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
    expect(parseDevice(QDISCS + CLASSES + FILTERS).tree?.classifier).toMatch(/^\d+,/);
  });
});
