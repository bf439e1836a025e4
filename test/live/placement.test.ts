import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FLAVORS } from '../lab/resources.ts';
import { SERVICE_URLS } from '../lab/rest.ts';
import { hostTraffic, type Running } from '../lab/traffic.ts';
import { bearing, ENDED, ENDED_WITHIN_MS, Stage } from './stage.ts';

const GUEST_MB = FLAVORS.m128;
let stage: Stage;
let traffic: Running | null = null;

beforeAll(async () => {
  stage = await Stage.start({ technique: 'pre-copy', strategy: 'parallel', destination: 'least-contended' });
});
afterEach(async () => {
  await traffic?.stop();
  traffic = null;
});
afterAll(() => stage?.stop());

/** Something outside sends to this host until the test ends, and hostd has seen it. */
async function busyIngress(host: string): Promise<void> {
  traffic = await hostTraffic(stage.lab, host, { direction: 'in', megabitsPerSecond: 300 });
  const receives = async () => {
    const { json } = await stage.drover.hostd(host, 'GET', '/v1/sample');
    return Math.round(json.nic.workloadRxBitsPerSecond / 1e6);
  };
  await expect.poll(receives, { timeout: 30_000, interval: 500 }).toBeGreaterThan(200);
}

/** As long as the work takes, others hold so much of a host's memory that this is left. */
async function withFreeMemory(host: string, leftMb: number, work: () => Promise<void>): Promise<void> {
  const { rest: api } = stage.lab;
  const placement = (method: string, path: string, body?: unknown) =>
    api.must(method, `${SERVICE_URLS.placement}${path}`, {
      headers: { 'OpenStack-API-Version': 'placement 1.29' },
      ...(body === undefined ? {} : { body }),
    });
  const [provider] = (await placement('GET', `/resource_providers?name=${host}`)).json.resource_providers;
  const at = `/resource_providers/${provider.uuid}`;
  const { total, reserved, allocation_ratio, max_unit } = (await placement('GET', `${at}/inventories/MEMORY_MB`)).json;
  const used = (await placement('GET', `${at}/usages`)).json.usages.MEMORY_MB;
  const holders: string[] = [];
  try {
    for (let rest = Math.trunc((total - reserved) * allocation_ratio) - used - leftMb; rest > 0; rest -= max_unit) {
      const holder = randomUUID();
      await placement('PUT', `/allocations/${holder}`, {
        allocations: { [provider.uuid]: { resources: { MEMORY_MB: Math.min(rest, max_unit) } } },
        ...{ project_id: 'nobody', user_id: 'nobody', consumer_generation: null },
      });
      holders.push(holder);
    }
    await work();
  } finally {
    for (const holder of holders) await placement('DELETE', `/allocations/${holder}`);
  }
}

function ended(vmUuid: string) {
  return stage.drover.migrationOf(vmUuid, ENDED, ENDED_WITHIN_MS);
}

describe('a migration without a destination, least-contended', () => {
  it(
    'lands on the host whose ingress is free, whichever that is',
    bearing(async () => {
      const [guest] = await Promise.all([
        stage.boot({ name: 'chosen', host: 'compute-1', flavor: 'm128' }),
        busyIngress('compute-2'),
      ]);
      expect((await stage.migrate(guest, null)).status).toBe(202);
      expect(await ended(guest.id)).toMatchObject({
        ...{ state: 'completed', destination: 'compute-3', deferred: true },
        decision: { destination: { host: 'compute-3' } },
      });
      await traffic?.stop();
      await busyIngress('compute-1');
      expect((await stage.migrate(guest, null)).status).toBe(202);
      expect(await ended(guest.id)).toMatchObject({ state: 'completed', destination: 'compute-2' });
    }),
  );

  it(
    "lands on another one where Nova's scheduler does not take that, after one more question",
    bearing(async () => {
      const { lab } = stage;
      const group = { name: `apart-${randomUUID()}`, policy: 'anti-affinity' };
      const { id } = (await lab.mustNova('POST', '/os-server-groups', { server_group: group })).json.server_group;
      const apart = (n: number) =>
        stage.boot({ name: `apart-${n}`, host: `compute-${n}`, flavor: 'm128' as const, group: id });
      const [guest] = await Promise.all([apart(1), apart(3), busyIngress('compute-2')]);
      expect((await stage.migrate(guest, null)).status).toBe(202);
      const record = await ended(guest.id);
      expect(record).toMatchObject({ state: 'completed', destination: 'compute-2' });
      const codes = (await stage.drover.events(record.id)).map(({ reason }) => reason.code);
      expect(codes.filter((code) => code === 'destination-refused')).toEqual(['destination-refused']);
      const { migrations } = (await lab.mustNova('GET', `/os-migrations?instance_uuid=${guest.id}`)).json;
      expect(migrations.map(({ status }: { status: string }) => status).sort()).toEqual(['completed', 'error']);
      await lab.mustNova('DELETE', `/os-server-groups/${id}`);
    }),
  );
});

describe('a destination with room for one', () => {
  it(
    'gets the second guest when another has left it, and Nova refuses none',
    bearing(async () => {
      const [first, second, leaves] = await Promise.all([
        stage.boot({ name: 'room-1', host: 'compute-1', flavor: 'm128' }),
        stage.boot({ name: 'room-3', host: 'compute-3', flavor: 'm128' }),
        stage.boot({ name: 'room-2', host: 'compute-2', flavor: 'm128' }),
      ]);
      await withFreeMemory('compute-2', 1.5 * GUEST_MB, async () => {
        const answers = await Promise.all([
          stage.migrate(leaves, 'compute-1'),
          stage.migrate(first, 'compute-2'),
          stage.migrate(second, 'compute-2'),
        ]);
        expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
        const [left, ...came] = await Promise.all([leaves, first, second].map(({ id }) => ended(id)));
        expect([left, ...came].map((one) => one?.state)).toEqual(['completed', 'completed', 'completed']);
        const later = came.toSorted((a, b) => (a.submittedAtMs ?? 0) - (b.submittedAtMs ?? 0)).at(-1);
        const codes = (await stage.drover.events(later?.id ?? 0)).map(({ reason }) => reason.code);
        expect(codes).toContain('no-room');
        const { migrations } = (await stage.lab.mustNova('GET', `/os-migrations?instance_uuid=${leaves.id}`)).json;
        // Nova frees the room right after it has written this down, in whole seconds.
        expect(later?.submittedAtMs).toBeGreaterThanOrEqual(Date.parse(`${migrations[0].updated_at}Z`));
      });
    }),
  );
});
