import { describe, expect, it } from 'vitest';
import { approvalEndsAtMs, approvalReason, type Prospect } from '../../../../bot/rights/approval.ts';
import { lossOf } from '../../../../bot/rights/loss.ts';
import { Approval } from '../../../../bot/rights/schema.ts';

const move = { vm: 'web-1', projectId: 'p1', source: 'compute-1', destination: null };
const loss = (share: number, bits = 1e9) => ({ share, bits, worstLink: 'compute-1 tx' });
const prospect = (changes: Partial<Prospect> = {}): Prospect => ({
  priority: 'high',
  foreseenPriorities: ['high'],
  drains: null,
  moves: [move],
  loss: loss(0.1),
  ...changes,
});
const reason = (rules: object[], changes: Partial<Prospect> = {}) =>
  approvalReason(Approval.parse({ rules }), prospect(changes));

describe('what a second person must agree to', () => {
  it('high beyond a fifth of a link where nothing is configured', () => {
    const shipped = Approval.parse(undefined);
    expect(approvalReason(shipped, prospect())).toBeNull();
    expect(approvalReason(shipped, prospect({ loss: loss(0.25) }))).toBe(
      'priority high, workloads lose 25 % on compute-1 tx, more than 20 %',
    );
    expect(approvalReason(shipped, prospect({ priority: 'low', loss: loss(0.9) }))).toBeNull();
  });

  it('the limit itself is still free; an amount counts on all links', () => {
    expect(reason([{ lossAbove: '10 %' }])).toBeNull();
    expect(reason([{ lossAbove: '1 Gbit' }])).toBeNull();
    expect(reason([{ lossAbove: '500 Mbit' }])).toBe('workloads lose 1.00 Gbit, more than 0.50 Gbit');
  });

  it('a loss that is not predicted is beyond every limit', () => {
    expect(reason([{ lossAbove: '100 %' }], { loss: null })).toBe('a workload loss that nobody can predict');
  });

  it('a priority that the policy chooses is what the what-if says, and any if it says nothing', () => {
    const high = [{ priorities: ['high'] }];
    expect(reason(high, { priority: null, foreseenPriorities: ['low', 'high'] })).toBe('priority high');
    expect(reason(high, { priority: null, foreseenPriorities: ['low'] })).toBeNull();
    expect(reason(high, { priority: null, foreseenPriorities: [] })).toBe('a priority that nobody can foresee');
  });

  it('many servers, drains, certain hosts; all parts of a rule must hold, one rule is enough', () => {
    const moves = [move, move, move];
    expect(reason([{ serversAbove: 2 }], { moves })).toBe('3 servers, more than 2');
    expect(reason([{ serversAbove: 3 }], { moves })).toBeNull();
    expect(reason([{ drain: true, hosts: ['gpu-*'] }], { drains: 'compute-1' })).toBeNull();
    expect(reason([{ drain: true, hosts: ['gpu-*'] }], { drains: 'gpu-1', moves: [] })).toBe(
      'a drain of gpu-1, host gpu-1',
    );
    expect(
      reason([{ drain: true }, { hosts: ['compute-9'] }], { moves: [{ ...move, destination: 'compute-9' }] }),
    ).toBe('host compute-9');
    expect(reason([])).toBeNull();
  });

  it('expires', () => {
    expect(approvalEndsAtMs(Approval.parse({ expiresAfterMinutes: 5 }), 1000)).toBe(301_000);
  });

  it('amounts without a unit, or more than all, and empty rules are refused', () => {
    for (const lossAbove of ['20', '5 Gb', '120 %', 'a lot', '', '5e3 Mbit']) {
      expect(Approval.safeParse({ rules: [{ lossAbove }] }).success, lossAbove).toBe(false);
    }
    expect(Approval.safeParse({ rules: [{}] }).success).toBe(false);
  });
});

describe('the predicted loss', () => {
  const workload = (link: string, lostBits: number, lostBitsWithout: number) => ({
    link,
    workloadBitsPerSecond: 100e6,
    overMs: 10_000,
    lostBits,
    lostBitsWithout,
    lostBitsNow: lostBitsWithout,
  });
  const planned = { lostBits: { sourceTx: 0, destinationRx: 0, vm: 0 }, reason: null } as never;

  it('is what is lost beyond what is lost anyway, its share that of the worst link', () => {
    const workloads = [workload('a tx', 300e6, 100e6), workload('b rx', 500e6, 0), workload('c tx', 100e6, 200e6)];
    expect(lossOf({ migrations: [planned], workloads })).toEqual({ bits: 700e6, share: 0.5, worstLink: 'b rx' });
  });

  it('is unknown where one migration has no prediction, or nothing is taken', () => {
    expect(lossOf({ migrations: [planned, { lostBits: null, reason: null } as never], workloads: [] })).toBeNull();
    expect(lossOf({ migrations: [], workloads: [] })).toBeNull();
  });
});
