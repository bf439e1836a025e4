import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DROVER_ENDPOINT } from '../lab/drover.ts';
import { type Guest, hostOf } from '../lab/guests.ts';
import type { RestAnswer } from '../lab/rest.ts';
import { bearing, ENDED, ENDED_WITHIN_MS, policyText, Stage } from './stage.ts';

const UNKNOWN = '00000000-0000-4000-8000-00000000dead';
let stage: Stage;
let guest: Guest;

beforeAll(async () => {
  stage = await Stage.start({});
  await renew();
});
afterAll(() => stage?.stop());

async function renew(): Promise<void> {
  guest = await stage.boot({ name: 'bad-input', host: 'compute-1', flavor: 'm128' });
}

const MIGRATE = { 'os-migrateLive': { host: 'compute-2', block_migration: 'auto' } };

/** What a client sees, less what differs from call to call. */
function seen(answer: RestAnswer): object {
  const { status, headers, body } = answer;
  const { date: _date, 'x-openstack-request-id': _id, 'x-compute-request-id': _compute, ...rest } = headers;
  return { status, headers: rest, body: body.replaceAll(/req-[0-9a-f-]{36}/g, 'req') };
}

describe('bad input', () => {
  it.each<[string, string, unknown, string | undefined, number]>([
    ['an unknown server', UNKNOWN, MIGRATE, undefined, 404],
    ['a bad token', 'guest', MIGRATE, 'not-a-token', 401],
    ['a malformed body', 'guest', { 'os-migrateLive': { host: 7 } }, undefined, 400],
    ['a missing field', 'guest', { 'os-migrateLive': {} }, undefined, 400],
    ['an unknown host', 'guest', { 'os-migrateLive': { host: 'nowhere', block_migration: 'auto' } }, undefined, 400],
    ['no JSON', 'guest', '{"os-migrateLive": ', undefined, 400],
  ])("%s has exactly Nova's answer", async (_what, id, body, token, status) => {
    const path = `/servers/${id === 'guest' ? guest.id : id}/action`;
    const options = { body, ...(token === undefined ? {} : { headers: { 'X-Auth-Token': token } }) };
    const direct = await stage.lab.rest.call('POST', `http://10.77.0.1:8774/v2.1${path}`, options);
    const through = await stage.lab.rest.call('POST', `${DROVER_ENDPOINT}${path}`, options);
    expect(direct.status).toBe(status);
    expect(seen(through)).toEqual(seen(direct));
    expect(await stage.drover.migrations()).toEqual([]);
  });

  it('a wrong policy file is refused with line and column, and the old policy stays', async () => {
    const before = await stage.drover.policy();
    const lines = policyText({}).split('\n');
    const line = lines.findIndex((text) => text.startsWith('batchWindow:')) + 1;
    lines[line - 1] = 'batchWindow: soon';
    const after = await stage.drover.setPolicy(lines.join('\n'));
    expect(after.active).toBe(before.active);
    expect(after.refused?.errors).toHaveLength(1);
    expect(after.refused?.errors[0]).toMatch(new RegExp(`policy\\.yaml:${line}:14: .*batchWindow`));
    expect(stage.drover.log('plugin')).toContain('policy refused');
    expect((await stage.drover.setPolicy(policyText({}))).refused).toBeNull();
  });

  it(
    'without hostd the request goes to Nova unchanged, and Drover says so',
    bearing(async () => {
      await Promise.all(stage.lab.hosts.map((host) => stage.drover.stopHostd(host.name, 'SIGKILL')));
      await new Promise((resolve) => setTimeout(resolve, 4000));
      expect((await stage.migrate(guest, 'compute-2')).status).toBe(202);
      const migration = await stage.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS);
      expect(migration).toMatchObject({ state: 'completed', decision: null });
      const texts = (await stage.drover.events(migration.id)).map((event) => event.reason.text).join('\n');
      expect(texts).toContain('unchanged');
      expect(stage.drover.log('plugin')).toContain('goes to Nova unchanged');
      expect(await hostOf(stage.lab, guest)).toBe('compute-2');
    }, renew),
  );
});
