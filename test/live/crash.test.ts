import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Guest, hostOf, verifyMemory } from '../lab/guests.ts';
import { bearing, ENDED, ENDED_WITHIN_MS, Stage } from './stage.ts';

let stage: Stage;
let guest: Guest;

beforeAll(async () => {
  stage = await Stage.start({ technique: 'hybrid-copy', priorities: [{ name: '*', priority: 'medium' }] });
  await renew();
});
afterAll(() => stage?.stop());

async function renew(): Promise<void> {
  guest = await stage.boot({ name: 'crash', host: 'compute-1', flavor: 'm512', fillMebibytes: 300 });
}

/** Of the two hosts that permit post-copy, the one where the guest is not. */
async function otherHost(): Promise<string> {
  return (await hostOf(stage.lab, guest)) === 'compute-1' ? 'compute-2' : 'compute-1';
}

async function novaMigrations(): Promise<{ id: number; status: string }[]> {
  return (await stage.lab.mustNova('GET', `/os-migrations?instance_uuid=${guest.id}`)).json.migrations;
}

async function tcState(host: string): Promise<{ htb: boolean; ifb: boolean }> {
  const qdiscs = await stage.lab.mustOn(host, ['tc', 'qdisc', 'show']);
  const ifb = await stage.lab.mustOn(host, ['ip', '-o', 'link', 'show', 'type', 'ifb']);
  return { htb: qdiscs.includes('htb'), ifb: ifb.trim() !== '' };
}

const NOTHING = { htb: false, ifb: false };

describe('kill -9', () => {
  it(
    'of the plugin in the middle of a migration: found again, finished, recorded, issued once',
    bearing(async () => {
      expect((await stage.migrate(guest, 'compute-2')).status).toBe(202);
      await stage.drover.migrationOf(guest.id, ['running', 'switching', 'post-copy'], ENDED_WITHIN_MS);
      await stage.drover.stopPlugin('SIGKILL');
      await stage.drover.startPlugin();
      const migration = await stage.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS);
      expect(migration).toMatchObject({ state: 'completed', destination: 'compute-2' });
      expect(migration.outcome?.downtimeMs).toBeGreaterThan(0);
      expect(await novaMigrations()).toHaveLength(1);
      expect(await hostOf(stage.lab, guest)).toBe('compute-2');
      expect(await verifyMemory(stage.lab, guest)).toMatchObject({ badPages: 0 });
      expect([await tcState('compute-1'), await tcState('compute-2')]).toEqual([NOTHING, NOTHING]);
    }, renew),
  );

  it(
    'of the plugin just when Nova is asked: nothing is issued twice',
    bearing(async () => {
      const before = (await novaMigrations()).length;
      const asked = stage.migrate(guest, await otherHost()).catch(() => null);
      await stage.drover.migrationOf(guest.id, ['submitted', 'running'], ENDED_WITHIN_MS);
      await stage.drover.stopPlugin('SIGKILL');
      await asked;
      await stage.drover.startPlugin();
      const migration = await stage.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS);
      const issued = (await novaMigrations()).length - before;
      // Killed before Nova heard of it, it is aborted and the client saw its connection break; otherwise it is finished.
      expect([issued, migration.state]).toEqual(migration.state === 'aborted' ? [0, 'aborted'] : [1, 'completed']);
    }, renew),
  );

  it(
    'of hostd on both hosts: its leases are kept or dropped, never half, and the qdiscs are put back',
    bearing(async () => {
      const from = await hostOf(stage.lab, guest);
      const to = await otherHost();
      expect((await stage.migrate(guest, to)).status).toBe(202);
      await stage.drover.migrationOf(guest.id, ['running', 'switching', 'post-copy', ...ENDED], ENDED_WITHIN_MS);
      await Promise.all([from, to].map((host) => stage.drover.stopHostd(host, 'SIGKILL')));
      await Promise.all([from, to].map((host) => stage.drover.startHostd(host)));
      const migration = await stage.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS);
      expect(migration.state).toBe('completed');
      await expect
        .poll(async () => [await tcState(from), await tcState(to)], { timeout: 45_000, interval: 500 })
        .toEqual([NOTHING, NOTHING]);
      expect(await verifyMemory(stage.lab, guest)).toMatchObject({ badPages: 0 });
    }, renew),
  );
});
