import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agent, dirtyMemory, type Guest, hostOf, verifyMemory } from '../lab/guests.ts';
import { bearing, policyText, Stage, WITHOUT_POST_COPY } from './stage.ts';

/** More than the link carries between the end of the first round and Nova's switch, less than it carries at all. */
const DIRTY = { mebibytes: 64, mebibytesPerSecond: 24 };

let stage: Stage;
let guest: Guest;

beforeAll(async () => {
  stage = await Stage.start({});
  await renew();
});
afterAll(() => stage?.stop());

async function renew(): Promise<void> {
  guest = await stage.boot({ name: 'technique', host: 'compute-1' });
}

/** Nova's statuses of the newest migration while it lasts. */
async function novaStatuses(): Promise<{ seen: Set<string>; stop(): Promise<void> }> {
  const seen = new Set<string>();
  let on = true;
  const looking = (async () => {
    while (on) {
      const answer = await stage.lab.nova('GET', `/os-migrations?instance_uuid=${guest.id}`);
      const status = answer.json.migrations[0]?.status;
      if (status) seen.add(status);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  })();
  return {
    seen,
    async stop() {
      on = false;
      await looking;
    },
  };
}

describe('each technique, on a real Nova', () => {
  it.each(['pre-copy', 'post-copy', 'hybrid-copy'] as const)('%s really happens and harms no page', (technique) =>
    bearing(async () => {
      await stage.drover.setPolicy(policyText({ technique }));
      const from = await hostOf(stage.lab, guest);
      const to = from === 'compute-1' ? 'compute-2' : 'compute-1';
      await dirtyMemory(stage.lab, guest, DIRTY.mebibytes, DIRTY.mebibytesPerSecond);
      const statuses = await novaStatuses();
      const migration = await stage.moved(guest, to).finally(() => statuses.stop());
      await dirtyMemory(stage.lab, guest, 0, 0);

      expect(migration).toMatchObject({ state: 'completed', source: from, destination: to });
      expect(migration.decision?.technique).toBe(technique);
      const switched = technique !== 'pre-copy';
      expect(statuses.seen.has('running (post-copy)')).toBe(switched);
      expect(migration.outcome?.postCopySeen).toBe(switched);
      if (switched) expect((await forceCompletes()).length).toBeGreaterThan(0);
      // One round before the switch in hybrid-copy; the pass that post-copy begins with is counted by QEMU too.
      expect(migration.outcome?.iterations).toBeGreaterThanOrEqual(technique === 'post-copy' ? 1 : 2);
      expect(migration.outcome?.totalMigrationTimeMs).toBeGreaterThan(100);
      expect(migration.outcome?.downtimeMs).toBeGreaterThan(0);
      expect(migration.outcome?.transferredBytes).toBeGreaterThan(50 * 2 ** 20);

      expect(await hostOf(stage.lab, guest)).toBe(to);
      expect(await agent(stage.lab, guest, 'stat')).toMatch(/^rx=/);
      const memory = await verifyMemory(stage.lab, guest);
      expect(memory.pages).toBeGreaterThan(0);
      expect(memory).toMatchObject({ badPages: 0, sumOfVersions: memory.pagesWritten });
      const figures = migration.outcome;
      console.log(
        `${technique}: TMT ${figures?.totalMigrationTimeMs} ms, downtime ${figures?.downtimeMs} ms, ${figures?.iterations} iterations`,
      );
    }, renew)(),
  );

  it(
    'never sends force_complete where post-copy is not permitted',
    bearing(async () => {
      await stage.drover.setPolicy(policyText({ technique: 'post-copy' }));
      const before = (await forceCompletes()).length;
      const migration = await stage.moved(guest, WITHOUT_POST_COPY);
      expect(migration).toMatchObject({ state: 'completed', destination: WITHOUT_POST_COPY });
      expect(migration.decision?.technique).toBe('pre-copy');
      expect(migration.decision?.reasons.map((reason) => reason.text).join()).toContain('post-copy');
      expect(await forceCompletes()).toHaveLength(before);
    }, renew),
  );
});

/** Nova's own account of them. */
async function forceCompletes(): Promise<unknown[]> {
  const { json } = await stage.lab.mustNova('GET', `/servers/${guest.id}/os-instance-actions`);
  return json.instanceActions.filter((one: { action: string }) => one.action.includes('force_complete'));
}
