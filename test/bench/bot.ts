/**
 * kill -9 of the real bot at random and at chosen moments, while a double of Slack brings every request and click several
 * times, late and in any order, through a real WebSocket or (`--http`) signed over real HTTP; the plugin is real, before a fast double of Nova.
 * `npm run bench:bot [-- --kills 100 --requests 120 --seed N]`, about 10 minutes. Ends with 1 and says what was wrong if
 * an acknowledged request did not move its server once, or if its message is not there once with its end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { botCampaign } from '../bot/campaign.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    requests: { type: 'string', default: '120' },
    copies: { type: 'string', default: '9' },
    http: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const [kills, requests, copies, seed] = [values.kills, values.requests, values.copies, values.seed].map(Number) as [
  number,
  number,
  number,
  number,
];
console.log(`${kills} kills, ${requests} requests, each brought about ${copies} times, seed ${seed}`);
const folder = mkdtempSync(join(tmpdir(), 'drover-bench-bot-'));
const startedAtMs = performance.now();
const verdict = await botCampaign({
  kills,
  requests,
  copies,
  seed,
  folder,
  machines: 60,
  channels: 20,
  http: values.http,
  gapMs: (kills * 4000) / requests,
  delayMs: 60_000,
});
const bad = [...verdict.lost, ...verdict.doubled, ...verdict.wrong];
console.log('\n| killed at | kills |\n| --- | --- |');
for (const [aim, count] of [...verdict.kills].sort((a, b) => b[1] - a[1])) console.log(`| ${aim} | ${count} |`);
console.log(`
${kills} kills in ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s, of which the last end ${(verdict.drainMs / 1000).toFixed(0)} s
deliveries: ${verdict.deliveries}, of which acknowledged ${verdict.acknowledged}; requests: ${verdict.requests}; migrations: ${verdict.migrations}
messages: ${verdict.messages}; changes of them: ${verdict.updates}; answered 429: ${verdict.tooFast}
lost: ${verdict.lost.length}, doubled: ${verdict.doubled.length}, otherwise wrong: ${verdict.wrong.length}`);
if (bad.length > 0) {
  console.error(`kept in ${folder}:\n  ${bad.join('\n  ')}`);
  process.exitCode = 1;
} else rmSync(folder, { recursive: true });
