import { expect } from 'vitest';
import type { Cloud } from '../cloud/cloud.ts';
import type { Exchange } from './sender.ts';

/** Nova got the request as it was sent, once, and its answer went back. */
export function expectUnchanged({ ledger }: Cloud, { status, arrived, sent, tag }: Exchange): void {
  expect(status).toBe(202);
  expect(arrived).toEqual([sent]);
  expect(ledger.taken.filter((taken) => taken.tag === tag)).toMatchObject([{ by: 'caller' }]);
}
