import { describe, expect, it } from 'vitest';
import type { LinkReservation } from '../../../../hostd/contract.ts';
import { HostdError } from '../../../../hostd/errors.ts';
import type { Desired } from '../../../../hostd/shape/apply.ts';
import { applyWithWayBack, withWayBack } from '../../../../hostd/shape/wayback.ts';

const SHAPEABLE = 475e6;
const ASKED: LinkReservation = {
  migration: { rateBitsPerSecond: 375e6, ceilBitsPerSecond: 475e6, prio: 1 },
  workload: { rateBitsPerSecond: 100e6, ceilBitsPerSecond: 475e6, prio: 2 },
};
const BACK: LinkReservation = {
  migration: { rateBitsPerSecond: 14.25e6, ceilBitsPerSecond: 475e6, prio: 1 },
  workload: { rateBitsPerSecond: 460.75e6, ceilBitsPerSecond: 475e6, prio: 2 },
};

describe('withWayBack', () => {
  it.each([
    ['no lease', null, null, null, null],
    ['leases on what leaves', ASKED, null, ASKED, BACK],
    ['leases on what enters', null, ASKED, BACK, ASKED],
    ['leases on both', ASKED, ASKED, ASKED, ASKED],
  ])('%s', (_, tx, rx, wantedTx, wantedRx) => {
    expect(withWayBack({ tx, rx }, SHAPEABLE)).toEqual({ tx: wantedTx, rx: wantedRx });
  });
});

describe('applyWithWayBack', () => {
  async function apply(desired: Desired, refused: (each: Desired) => HostdError | null) {
    const applied: Desired[] = [];
    const reasons: string[] = [];
    const attempt = async (each: Desired) => {
      const error = refused(each);
      if (error) throw error;
      applied.push(each);
    };
    const result = applyWithWayBack(desired, SHAPEABLE, attempt, (reason) => reasons.push(reason));
    return { error: await result.then(() => null).catch((error: HostdError) => error.code), applied, reasons };
  }
  const foreign = new HostdError('qdisc-foreign', 'nic0 has the clsact qdisc of somebody else');

  it('does without it where that direction is somebody else’s', async () => {
    const desired = { tx: ASKED, rx: null };
    const { error, applied, reasons } = await apply(desired, ({ rx }) => (rx === null ? null : foreign));
    expect(error).toBeNull();
    expect(applied).toEqual([desired]);
    expect(reasons).toHaveLength(1);
  });

  it('refuses what the leases themselves ask for', async () => {
    const { error, applied } = await apply({ tx: ASKED, rx: null }, () => foreign);
    expect([error, applied]).toEqual(['qdisc-foreign', []]);
  });

  it('takes no other error for that', async () => {
    const failed = new HostdError('shape-failed', 'tc failed');
    const { error, applied } = await apply({ tx: ASKED, rx: null }, ({ rx }) => (rx === null ? null : failed));
    expect([error, applied]).toEqual(['shape-failed', []]);
  });
});
