import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../lab/databases.ts';
import type { Guest } from '../lab/guests.ts';
import { bearing, Stage } from './stage.ts';

let stage: Stage;
let guest: Guest;

beforeAll(async () => {
  stage = await Stage.start({});
  guest = await boot();
});
afterAll(() => stage?.stop());

const boot = () => stage.boot({ name: 'notified', host: 'compute-1', flavor: 'm256' });

interface Seen {
  /** From the end in Nova's own database to the end in Drover's. */
  delayMs: number;
  /** Questions to Nova's API about this migration. */
  questions: number;
}

/** Migrates, and looks at Nova's database all the while for the moment in which it ends there. */
async function migrated(to: string): Promise<Seen> {
  const { lab, drover } = stage;
  const before = questions(await drover.metrics());
  const moving = stage.moved(guest, to);
  let over = false;
  void moving.finally(() => {
    over = true;
  });
  const query = `select status from nova.migrations where instance_uuid = '${guest.id}' order by id desc limit 1`;
  let endedAtMs: number | null = null;
  let begun = false;
  while (!over && endedAtMs === null) {
    const status = (await sql(lab.paths, query)).trim();
    const now = Date.now();
    // At first the newest is the one before.
    if (!['completed', ''].includes(status)) begun = true;
    else if (begun && status === 'completed') endedAtMs = now;
  }
  const { id, state } = await moving;
  expect(state).toBe('completed');
  const told = (await drover.events(id)).find((event) => event.state === 'completed');
  if (endedAtMs === null || !told) throw new Error('the end was not seen');
  return { delayMs: told.atMs - endedAtMs, questions: questions(await drover.metrics()) - before };
}

function questions(metrics: string): number {
  const counts = [...metrics.matchAll(/^drover_plugin_migration_questions_total\{.*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

async function backAndForth(times: number): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (let n = 0; n < times; n += 1) seen.push(await migrated(n % 2 === 0 ? 'compute-2' : 'compute-1'));
  return seen;
}

const mean = (seen: Seen[]) => seen.reduce((sum, { delayMs }) => sum + delayMs, 0) / seen.length;
const line = (seen: Seen[]) =>
  `end known after ${seen.map(({ delayMs }) => delayMs).join(', ')} ms; ${seen.map((one) => one.questions).join(', ')} questions`;

test(
  'the end of a migration is known sooner by a notification than by asking',
  bearing(
    async () => {
      const { drover } = stage;
      const told = await backAndForth(2);
      expect(await drover.metrics()).toMatch(/^drover_plugin_notifications_connected 1$/m);
      await drover.stopPlugin('SIGTERM');
      drover.notifications = false;
      await drover.startPlugin();
      const asked = await backAndForth(2);
      console.log(`notifications: ${line(told)}\nasking:        ${line(asked)}`);
      expect(mean(told)).toBeLessThan(mean(asked));
    },
    async () => {
      guest = await boot();
    },
  ),
);
