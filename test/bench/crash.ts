/**
 * kill -9 of the real daemon at random moments, under every kind of root qdisc that may have been on the NIC before, while
 * several clients take, change, renew and release leases. `npm run bench:crash [-- --kills 300 --rigs 3 --seed N --root NAME]`, about
 * 6 minutes; needs root. After each restart kernel, disk and what the clients were answered must agree; once the last
 * lease has ended the NIC must be as it was found, to the byte. Ends with 1 and says what was wrong if they do not.
 */
import { parseArgs } from 'node:util';
import { type Campaign, type Kill, killUnder } from '../host/crash/kill.ts';
import { FOUND_ROOTS, type FoundRoot } from '../host/crash/roots.ts';
import { Rig } from '../host/rig.ts';
import { seeded } from '../random.ts';

const NIC_QUEUES = 4;

async function main(kills: number, rigs: number, seed: number, roots: readonly FoundRoot[]): Promise<void> {
  console.log(`${kills} kills under ${roots.length} kinds of root qdisc, ${rigs} hosts at once, seed ${seed}`);
  const each = Math.ceil(kills / roots.length);
  const waiting = roots.map((root, index) => ({ root, seed: seed + index }));
  const done: Campaign[] = [];
  const startedAtMs = performance.now();
  const ended = await Promise.allSettled(
    Array.from({ length: rigs }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        done.push(await campaign(next.root, each, next.seed));
      }
    }),
  );
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
  report(done, (performance.now() - startedAtMs) / 1000);
}

async function campaign(root: FoundRoot, kills: number, seed: number): Promise<Campaign> {
  const rig = new Rig(undefined, { nicQueues: NIC_QUEUES });
  try {
    await rig.start();
    const result = await killUnder(rig, root, kills, seeded(seed));
    console.log(`  ${root.name}: ${kills} kills, ${result.calls} calls, all agreed`);
    return result;
  } catch (error) {
    console.error(`  ${root.name}: seed ${seed}`, error);
    throw new Error(`${root.name} failed: --root ${JSON.stringify(root.name)} --seed ${seed}`);
  } finally {
    await rig.stop();
  }
}

function report(done: readonly Campaign[], seconds: number): void {
  const kills = done.flatMap((each) => each.kills);
  const count = (which: (kill: Kill) => boolean) => kills.filter(which).length;
  console.log(
    `\n${kills.length} kills in ${seconds.toFixed(0)} s, ${done.reduce((sum, { calls }) => sum + calls, 0)} calls`,
  );
  console.log('\n| under way at the kill (several may be) | kills | left kernel and leases apart |');
  console.log('| --- | --- | --- |');
  for (const phase of new Set(kills.flatMap(({ phases }) => phases))) {
    const these = kills.filter(({ phases }) => phases.includes(phase));
    console.log(`| ${phase} | ${these.length} | ${these.filter(({ leftHalfDone }) => leftHalfDone).length} |`);
  }
  for (const program of ['tc', 'ip'] as const) {
    console.log(
      `| ${program} ran | ${count((kill) => kill.program === program)} | ${count((kill) => kill.program === program && kill.leftHalfDone)} |`,
    );
  }
  console.log(`| all | ${kills.length} | ${count(({ leftHalfDone }) => leftHalfDone)} |`);
  const recoveries = done.flatMap(({ recoveriesMs }) => recoveriesMs).toSorted((a, b) => a - b);
  const at = (share: number) =>
    recoveries[Math.min(recoveries.length - 1, Math.floor(recoveries.length * share))]?.toFixed(0);
  console.log(
    `\nRecovery, from the start of the process to ready: median ${at(0.5)} ms, 95 % ${at(0.95)} ms, longest ${at(1)} ms`,
  );
}

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '300' },
    rigs: { type: 'string', default: '3' },
    root: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const roots = FOUND_ROOTS.filter(({ name }) => values.root === undefined || name === values.root);
if (roots.length === 0) throw new Error(`--root is one of ${FOUND_ROOTS.map(({ name }) => name).join(', ')}`);
await main(Number(values.kills), Number(values.rigs), Number(values.seed), roots);
