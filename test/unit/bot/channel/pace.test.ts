import { expect, it } from 'vitest';
import { Pace } from '../../../../bot/channel/pace.ts';
import { Rates } from '../../../slack/rates.ts';

/** So many calls as soon as they are ready, and how many of them Slack's double would have refused. */
function calls(method: string, channels: number, count: number): { refused: number; lastMs: number } {
  const [pace, rates] = [new Pace(), new Rates()];
  let nowMs = 0;
  let refused = 0;
  for (let n = 0; n < count; n += 1) {
    const channel = `C${n % channels}`;
    nowMs = Math.max(nowMs, pace.readyAtMs(method, channel, nowMs));
    pace.took(method, channel, nowMs);
    if (rates.take(method, channel, nowMs) !== 0) refused += 1;
  }
  return { refused, lastMs: nowMs };
}

it('keeps within the rates of Slack, and not far below them', () => {
  const posts = calls('chat.postMessage', 1, 120);
  expect(posts.refused).toBe(0);
  expect(posts.lastMs).toBeLessThan(130_000);
  const updates = calls('chat.update', 3, 450);
  expect(updates.refused).toBe(0);
  expect(updates.lastMs).toBeLessThan(600_000);
  expect(calls('chat.postMessage', 50, 100).lastMs).toBe(0);
});

it('waits as long as Slack says', () => {
  const pace = new Pace();
  pace.close('chat.update', 'C1', 30_000, 1000);
  expect(pace.readyAtMs('chat.update', 'C2', 1000)).toBe(30_000);
  expect(pace.readyAtMs('chat.postMessage', 'C1', 1000)).toBe(1000);
});
