import type { WhatIfAnswer } from 'drover-plugin/contract';

/** What workloads are predicted to lose for what is asked. */
export interface Loss {
  /** On all links together. */
  bits: number;
  /** Of what it carries meanwhile, on the link that loses the greatest share; 0-1. */
  share: number;
  /** That link, `HOST tx` or `HOST rx`; null: none loses anything. */
  worstLink: string | null;
}

/**
 * What is lost beyond what is lost anyway. Null: it is not predicted, and so may be anything.
 *
 * | link      | carries   | over | loses | without it | share |
 * |-----------|-----------|------|-------|------------|-------|
 * | host-1 tx | 100 Mbit/s| 10 s | 300 Mbit | 100 Mbit | 20 %  |
 */
export function lossOf({ migrations, workloads }: Pick<WhatIfAnswer, 'migrations' | 'workloads'>): Loss | null {
  if (migrations.length === 0 || migrations.some(({ lostBits, reason }) => lostBits === null || reason !== null)) {
    return null;
  }
  const loss: Loss = { bits: 0, share: 0, worstLink: null };
  for (const { link, workloadBitsPerSecond, lostBits, lostBitsWithout, overMs } of workloads) {
    const bits = Math.max(0, lostBits - lostBitsWithout);
    const carried = (workloadBitsPerSecond * overMs) / 1000;
    const share = bits === 0 ? 0 : Math.min(1, carried > 0 ? bits / carried : 1);
    loss.bits += bits;
    if (share > loss.share) Object.assign(loss, { share, worstLink: link });
  }
  return loss;
}
