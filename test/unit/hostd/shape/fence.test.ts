import { describe, expect, it } from 'vitest';
import { HostdError } from '../../../../hostd/errors.ts';
import { checkClaim } from '../../../../hostd/shape/fence.ts';

/** What a claim is answered where 7 is the highest fence seen and the lease was taken by plugin-a for H. */
function answer(fence: number, owner: string, holder: string | undefined, leaseFence: number | null): string {
  const lease = leaseFence === null ? null : { leaseId: 'l', fence: leaseFence, owner: 'plugin-a', holder: 'H' };
  try {
    checkClaim({ fence, owner, holder }, { fence: 7, lease, fenceFile: '/state/fence.json' });
    return 'taken';
  } catch (error) {
    return error instanceof HostdError ? error.code : 'fault';
  }
}

describe('a claim', () => {
  it.each<[number, string, string | undefined, number | null, string]>([
    [6, 'plugin-a', 'H', 5, 'lease-fenced'],
    [6, 'plugin-a', 'H', null, 'lease-fenced'],
    [6, 'plugin-b', undefined, 7, 'lease-fenced'],
    [7, 'plugin-a', 'H', 5, 'taken'],
    [7, 'plugin-b', 'other', 5, 'taken'],
    [7, 'plugin-b', 'H', null, 'taken'],
    [7, 'plugin-a', 'H', 7, 'taken'],
    [7, 'plugin-a', undefined, 7, 'taken'],
    [7, 'plugin-b', 'H', 7, 'lease-held'],
    [7, 'plugin-b', undefined, 7, 'lease-held'],
    [7, 'plugin-a', 'other', 7, 'lease-held'],
    [8, 'plugin-b', 'other', 7, 'taken'],
    // The highest fence was reset: the lease keeps its own.
    [8, 'plugin-a', 'H', 9, 'lease-held'],
  ])('with fence %d by %s for %s, the lease having %s: %s', (fence, owner, holder, leaseFence, expected) => {
    expect(answer(fence, owner, holder, leaseFence)).toBe(expected);
  });

  it('that is fenced off is told the highest fence and how a mistake is undone', () => {
    const claim = { fence: 6, owner: 'plugin-a', holder: 'H' };
    expect(() => checkClaim(claim, { fence: 7, lease: null, fenceFile: '/state/fence.json' })).toThrow(
      /below 7.*stop hostd, remove \/state\/fence\.json and start it/,
    );
  });
});
