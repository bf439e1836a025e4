/**
 * Many requests of one server each in one channel, all running at once: `npm run bench:bot-crowd [-- --count 200]`, about
 * 10 minutes. Says how late the channel shows what happens, and whether Slack's rates were kept. Each message by itself
 * cannot be kept up to date: 200 messages every 10 s are 1,200 changes a minute, and Slack takes 50.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crowd } from '../bot/crowd.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '200' }, seconds: { type: 'string', default: '180' } },
});
const folder = mkdtempSync(join(tmpdir(), 'drover-bench-crowd-'));
const runMs = Number(values.seconds) * 1000;
const result = await crowd(folder, Number(values.count), [runMs, runMs * 1.3]);
rmSync(folder, { recursive: true });
const at = (list: readonly number[]) =>
  [0.5, 0.95, 1]
    .map((part) => `${((list[Math.min(list.length - 1, Math.floor(list.length * part))] ?? 0) / 1000).toFixed(1)} s`)
    .join(' / ');
console.log(`
${result.asked} asked for, ${result.mostRunning} at once, ${result.completed} completed; never seen: ${result.unseen.length}
median / 95 % / longest:
  running is shown after ${at(result.runningLateMs)}
  an end is shown after ${at(result.endLateMs)}
  what is shown of one is not true any more for at most ${at(result.staleMs)}
posts: ${result.posts}; changes: ${result.updates}, at most ${result.mostUpdatesAMinute} in a minute; answered 429: ${result.tooFast}
each message by itself said its end ${(result.settledMs / 1000).toFixed(0)} s after the last one`);
const late = Math.max(result.staleMs.at(-1) ?? 0, result.runningLateMs.at(-1) ?? 0, result.endLateMs.at(-1) ?? 0);
if (result.unseen.length > 0 || late > 10_000 || result.completed < result.asked) process.exitCode = 1;
