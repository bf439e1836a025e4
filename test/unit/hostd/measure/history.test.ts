import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { History } from '../../../../hostd/measure/history.ts';

const UUID = '3f6a1c9e-4b1d-4a55-9a3c-0d6d5a1f2b10';
const OTHER = '9e107d9d-372b-4b6d-8a4c-1d6e6a2f3c21';

function figures(tx: number, changes = {}) {
  return { tx, rx: 0, migrationTx: 0, migrationRx: 0, controlTx: 0, controlRx: 0, ...changes };
}

/** One reading a second, from second 1 on, with rate = second. */
function filled(seconds: number, capacity = 600): History {
  const history = new History(capacity);
  for (let second = 1; second <= seconds; second += 1) {
    history.add(second * 1000, second * 1000, 1000, figures(second));
    history.addVm(UUID, second, 2 * second);
  }
  return history;
}

describe('History', () => {
  it('gives the readings asked for, oldest first', () => {
    const entries = filled(10).entries(7000, [UUID, OTHER]);
    expect(entries.map(({ atMs }) => atMs)).toEqual([8000, 9000, 10_000]);
    expect(entries[0]?.vms).toEqual([{ vmUuid: UUID, txBitsPerSecond: 8, rxBitsPerSecond: 16 }]);
  });

  it('keeps the last 10 minutes and no more', () => {
    const entries = filled(1500).entries(0, [UUID]);
    expect(entries.length).toBe(600);
    expect(entries[0]?.nic.txBitsPerSecond).toBe(901);
    expect(entries.every(({ vms, nic }) => vms[0]?.txBitsPerSecond === nic.txBitsPerSecond)).toBe(true);
  });

  it('weighs readings with their length', () => {
    const history = new History();
    history.add(1000, 1000, 1000, figures(100));
    history.add(4000, 4000, 3000, figures(500));
    expect(history.nicMean(0)?.txBitsPerSecond).toBe(400);
    expect(history.coveredMs(0)).toBe(4000);
    expect(history.nicMean(4000)).toBeNull();
  });

  it('has no entry of a VM for a time when it was not there', () => {
    const history = filled(3);
    history.add(4000, 4000, 1000, figures(4));
    history.add(5000, 5000, 1000, figures(5));
    history.addVm(UUID, 5, 10);
    history.addVm(OTHER, Number.NaN, Number.NaN);
    expect(history.entries(2000, [UUID, OTHER]).map(({ vms }) => vms.length)).toEqual([1, 0, 1]);
    expect(history.vmMean(UUID, 2000)).toEqual({ tx: 4, rx: 8 });
    expect(history.vmMean(OTHER, 0)).toBeNull();
  });

  it('forgets VMs that left with their last reading, and bounds how many of them it keeps', () => {
    const history = new History(120);
    for (let second = 1; second <= 1000; second += 1) {
      history.add(second * 1000, 0, 1000, figures(second));
      for (let vm = 0; vm < 20; vm += 1) history.addVm(`${second}-${vm}`, 1, 1);
    }
    expect(history.vmMean('990-0', 0)).toEqual({ tx: 1, rx: 1 });
    expect(history.vmMean('800-0', 0)).toBeNull();
    expect(history.size).toBeLessThan(500 + 2 * 10 * 20 + 20);
  });

  it('takes its memory with the first reading, and no more in hours of VMs that come and go', () => {
    const history = new History();
    const second = (at: number) => {
      history.add(at * 1000, at * 1000, 1000, figures(at));
      // 300 VMs of which one leaves every second, and another comes.
      for (let vm = at; vm < at + 300; vm += 1) history.addVm(`vm-${vm}`, at, vm);
    };
    second(0);
    expect(history.bytes).toBeGreaterThanOrEqual(300 * 600 * 8);
    for (let at = 1; at < 1200; at += 1) second(at);
    const full = history.bytes;
    expect(full).toBeLessThan((300 + 500 + 100) * 600 * 8);
    for (let at = 1200; at < 8000; at += 1) second(at);
    expect(history.bytes).toBe(full);
  });

  it('shows a VM nothing of another that had its place before', () => {
    const history = filled(600);
    for (let second = 601; second <= 1220; second += 1) {
      history.add(second * 1000, second * 1000, 1000, figures(second));
      if (second > 1215) history.addVm(OTHER, second, 7);
    }
    const bytes = history.bytes;
    expect(history.size).toBe(1);
    expect(history.vmMean(UUID, 0)).toBeNull();
    expect(history.entries(0, [OTHER]).flatMap(({ vms }) => vms)).toHaveLength(5);
    expect(history.vmMean(OTHER, 0)).toEqual({ tx: 1218, rx: 7 });
    expect(bytes).toBe(64 * 600 * 8);
  });

  it('always splits the NIC into parts that add up and are not below nothing', () => {
    const rate = fc.double({ min: 0, max: 1e11, noNaN: true });
    fc.assert(
      fc.property(rate, rate, rate, (tx, migrationTx, controlTx) => {
        const history = new History(4);
        history.add(1000, 1000, 1000, figures(tx, { migrationTx, controlTx }));
        const nic = history.nicMean(0);
        const parts = [nic?.migrationTxBitsPerSecond, nic?.controlTxBitsPerSecond, nic?.workloadTxBitsPerSecond];
        expect(parts.every((part) => (part ?? -1) >= 0)).toBe(true);
        expect(parts.reduce((sum = 0, part = 0) => sum + part, 0)).toBeCloseTo(tx, 3);
      }),
    );
  });
});
