import { afterAll, beforeAll, expect, it } from 'vitest';
import { overlayId } from '../../plugin/proxy/overlay/identity.ts';
import { DROVER_ENDPOINT } from '../lab/drover.ts';
import type { Guest } from '../lab/guests.ts';
import { bearing, ENDED, ENDED_WITHIN_MS, policyText, Stage } from './stage.ts';

const PRIORITIES = { priorities: [{ name: 'overlay-*', priority: 'low' as const }] };
const WAITING_WITHIN_MS = 30_000;
/** Nova waits for a guest that does not hear ACPI (shutdown_timeout). */
const STOPPED_WITHIN_MS = 150_000;
const TASK = 'OS-EXT-STS:task_state';

let stage: Stage;
let moved: Guest;
let cancelled: Guest;
let stopped: Guest;

/** A window for low ones that opens half a day from now: all of them wait. */
function closed(): string {
  const at = (ms: number) => new Date(Date.now() + 12 * 3_600_000 + ms).toISOString().slice(11, 16);
  return `${policyText(PRIORITIES)}\nwindows: [{ priority: low, from: "${at(0)}", to: "${at(60_000)}", timeZone: UTC }]\n`;
}

/** Drover's id of the migration that waits for this guest. */
async function waits(guest: Guest): Promise<number> {
  const { id, stateReason } = await stage.drover.migrationOf(guest.id, ['queued'], WAITING_WITHIN_MS);
  expect(stateReason?.code).toBe('window');
  return id;
}

async function stateOf(guest: Guest): Promise<{ status: string; task: string | null; host: string }> {
  const { server } = (await stage.through('GET', `/servers/${guest.id}`)).json;
  return { status: server.status, task: server[TASK], host: server['OS-EXT-SRV-ATTR:host'] };
}

/** The stock client, which speaks to Drover alone. */
async function client(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await stage.lab.openstack(argv, { computeEndpoint: DROVER_ENDPOINT });
  expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
  return stdout;
}

beforeAll(async () => {
  stage = await Stage.start(PRIORITIES);
  expect((await stage.drover.setPolicy(closed())).refused).toBeNull();
  [moved, cancelled, stopped] = await Promise.all(
    (['overlay-moved', 'overlay-cancelled', 'overlay-stopped'] as const).map((name) =>
      stage.boot({ name, host: 'compute-1', flavor: 'm128' }),
    ) as [Promise<Guest>, Promise<Guest>, Promise<Guest>],
  );
  const answers = await Promise.all([cancelled, stopped].map((guest) => stage.migrate(guest, 'compute-2')));
  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  await Promise.all([waits(cancelled), waits(stopped)]);
  // Takes Nova its time, in which the others go on.
  expect((await stage.through('POST', `/servers/${stopped.id}/action`, { 'os-stop': null })).status).toBe(202);
});
afterAll(() => stage?.stop());

it('one that waits is queued in Nova’s lists, its server MIGRATING; aborted there it is cancelled', async () => {
  const id = overlayId(await waits(cancelled));
  const [listed, ofServer, shown] = await Promise.all([
    client('server', 'migration', 'list', '--server', cancelled.id, '-f', 'json'),
    stage.through('GET', `/servers/${cancelled.id}/migrations`),
    client('server', 'migration', 'show', cancelled.id, String(id), '-f', 'json'),
  ]);
  expect(JSON.parse(listed)).toMatchObject([{ Id: id, Status: 'queued', 'Server UUID': cancelled.id }]);
  expect(ofServer.json.migrations).toMatchObject([{ id, status: 'queued', dest_compute: 'compute-2' }]);
  expect(JSON.parse(shown)).toMatchObject({ ID: id, Status: 'queued', 'Server UUID': cancelled.id });

  expect(await stateOf(cancelled)).toMatchObject({ status: 'MIGRATING', task: 'migrating' });
  const detail = (await stage.through('GET', '/servers/detail?all_tenants=1')).json.servers;
  expect(detail.find((server: { id: string }) => server.id === cancelled.id)).toMatchObject({ status: 'MIGRATING' });
  // Nova itself knows nothing of it.
  expect((await stage.lab.mustNova('GET', `/servers/${cancelled.id}`)).json.server.status).toBe('ACTIVE');
  expect((await stage.migrate(cancelled, 'compute-2')).status).toBe(409);

  await client('server', 'migration', 'abort', cancelled.id, String(id));
  expect(await stateOf(cancelled)).toMatchObject({ status: 'ACTIVE', task: null, host: 'compute-1' });
  const kept = (await stage.through('GET', `/os-migrations?instance_uuid=${cancelled.id}`)).json.migrations;
  expect(kept).toMatchObject([{ id, status: 'cancelled' }]);
});

it(
  'a client that waits for the end returns at the real end, and sees ACTIVE not once before it',
  bearing(
    async () => {
      await stage.drover.setPolicy(closed());
      let returned = false;
      const argv = ['server', 'migrate', '--live-migration', '--host', 'compute-2', '--wait', moved.id];
      const waiting = client(...argv).finally(() => {
        returned = true;
      });
      waiting.catch(() => {});
      await waits(moved);
      expect(await stateOf(moved)).toEqual({ status: 'MIGRATING', task: 'migrating', host: 'compute-1' });

      await stage.drover.setPolicy(policyText(PRIORITIES));
      const seen: Awaited<ReturnType<typeof stateOf>>[] = [];
      const giveUpAtMs = Date.now() + ENDED_WITHIN_MS;
      do {
        // It looks each time before the client does, which asks every few seconds.
        expect(returned).toBe(false);
        seen.push(await stateOf(moved));
      } while (seen.at(-1)?.status === 'MIGRATING' && Date.now() < giveUpAtMs);
      expect(seen.length).toBeGreaterThan(10);
      expect(new Set(seen.slice(0, -1).map(({ status, task }) => `${status} ${task}`))).toEqual(
        new Set(['MIGRATING migrating']),
      );
      expect(seen.at(-1)).toEqual({ status: 'ACTIVE', task: null, host: 'compute-2' });
      expect(await waiting).toContain('Complete');
      const { state, deferred } = await stage.drover.migrationOf(moved.id, ENDED, ENDED_WITHIN_MS);
      expect({ state, deferred }).toEqual({ state: 'completed', deferred: true });
    },
    async () => {
      moved = await stage.boot({ name: 'overlay-moved-again', host: 'compute-1', flavor: 'm128' });
    },
  ),
);

it('a server that is stopped while its migration waits is stopped, and the migration ends', async () => {
  const { state, stateReason } = await stage.drover.migrationOf(stopped.id, ENDED, STOPPED_WITHIN_MS);
  expect({ state, code: stateReason?.code }).toEqual({ state: 'aborted', code: 'server-state' });
  expect(await stateOf(stopped)).toMatchObject({ status: 'SHUTOFF', host: 'compute-1' });
});
