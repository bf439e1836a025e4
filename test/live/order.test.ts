import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DROVER_ENDPOINT } from '../lab/drover.ts';
import { bearing, ENDED, ENDED_WITHIN_MS, Stage } from './stage.ts';

const WINDOW_MS = 1000;
let stage: Stage;

beforeAll(async () => {
  const priorities = (['low', 'medium', 'high'] as const).map((priority) => ({ name: `order-${priority}`, priority }));
  stage = await Stage.start({ priorities });
});
afterAll(() => stage?.stop());

describe('order and batch window', () => {
  it(
    'starts high, medium, low when they are asked for as low, medium, high',
    bearing(async () => {
      const names = ['order-low', 'order-medium', 'order-high'];
      const guests = await Promise.all(names.map((name) => stage.boot({ name, host: 'compute-1', flavor: 'm128' })));
      const answers = [];
      for (const guest of guests) {
        answers.push(stage.migrate(guest, 'compute-2'));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([202, 202, 202]);
      const ended = await Promise.all(
        guests.map((guest) => stage.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS)),
      );
      expect(ended.map((migration) => migration.state)).toEqual(['completed', 'completed', 'completed']);
      const byStart = [...ended].sort((a, b) => (a.submittedAtMs ?? 0) - (b.submittedAtMs ?? 0));
      expect(byStart.map((migration) => migration.vmName)).toEqual(['order-high', 'order-medium', 'order-low']);
      // Nova numbers its records in the order that they were made.
      const byNova = [...ended].sort((a, b) => (a.novaMigrationId ?? 0) - (b.novaMigrationId ?? 0));
      expect(byNova.map((migration) => migration.vmName)).toEqual(['order-high', 'order-medium', 'order-low']);
    }),
  );

  it(
    'gives a single request with nothing to wait for to Nova within the window and 100 ms',
    bearing(async () => {
      const guest = await stage.boot({ name: 'alone', host: 'compute-1', flavor: 'm128' });
      const waitedMs: number[] = [];
      for (const host of ['compute-2', 'compute-1', 'compute-2']) {
        const argv = ['server', 'migrate', '--live-migration', '--host', host, guest.name];
        expect(await stage.lab.openstack(argv, { computeEndpoint: DROVER_ENDPOINT })).toMatchObject({
          code: 0,
          stderr: '',
        });
        const migration = await stage.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS);
        expect(migration).toMatchObject({ state: 'completed', destination: host });
        waitedMs.push((migration.submittedAtMs ?? Number.NaN) - migration.receivedAtMs);
      }
      console.log(`reached Nova after ${waitedMs.join(', ')} ms, of which the batch window is ${WINDOW_MS} ms`);
      const [least = 0, median = 0] = waitedMs.toSorted((a, b) => a - b);
      expect(least).toBeGreaterThanOrEqual(WINDOW_MS);
      expect(median).toBeLessThanOrEqual(WINDOW_MS + 100);
    }),
  );
});
