import { OpenStackClient } from 'openstack-client-ts';
import { expect, test } from 'vitest';
import type { KeptRequest } from '../../../plugin/nova/control.ts';
import { wouldTake } from '../../../plugin/nova/would-take.ts';
import { type Asked, type Cloud, cloud, json } from '../openstack-client/cloud.ts';

const VM = '6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c01';
const REQUEST: KeptRequest = {
  host: 'compute-2',
  blockMigration: 'auto',
  diskOverCommit: null,
  force: null,
  microversion: '2.93',
};

interface LiveMigrate {
  host: string | null;
  force?: boolean;
}

const actionOf = (asked: Asked) => (asked.body as { 'os-migrateLive': LiveMigrate })['os-migrateLive'];

async function ask(answer: (body: LiveMigrate) => [number, string], request: KeptRequest = REQUEST) {
  const self: Cloud = await cloud();
  self.nova = (asked, response) => {
    const [status, message] = answer(actionOf(asked));
    json(response, status, { fault: { code: status, message } });
  };
  const credentials = { username: 'drover', password: 'secret', projectName: 'service', userDomainId: 'default' };
  const client = new OpenStackClient({
    authUrl: `${self.url}/identity`,
    projectDomainId: 'default',
    ...credentials,
    computeEndpoint: self.url,
  });
  return { taken: await wouldTake(client, 'callers', VM, request), asked: self.asked };
}

/** As Nova 26 to somebody who may. */
const unknownHost = ({ host }: LiveMigrate): [number, string] => [400, `Compute host ${host} could not be found.`];

test.each<[string, Partial<KeptRequest>, object]>([
  ['2.1', { blockMigration: false, diskOverCommit: true }, { block_migration: false, disk_over_commit: true }],
  ['2.25', {}, { block_migration: 'auto' }],
  ['2.30', { force: false }, { block_migration: 'auto', force: false }],
  ['2.67', { force: true, blockMigration: true }, { block_migration: true, force: true }],
  ['2.104', { host: null }, { block_migration: 'auto' }],
])(
  'in %s the caller’s own request is made with the caller’s own token, for a host that is nowhere',
  async (microversion, change, body) => {
    const { taken, asked } = await ask(unknownHost, { ...REQUEST, microversion, ...change });
    expect(taken).toBe(true);
    expect(asked).toHaveLength(1);
    const { host, ...rest } = actionOf(asked[0] as Asked);
    expect(rest).toEqual(body);
    expect(host).toMatch(/^nowhere-[0-9a-f-]{36}$/);
    expect(asked[0]?.headers).toMatchObject({
      'x-auth-token': 'callers',
      'openstack-api-version': `compute ${microversion}`,
    });
  },
);

test.each([
  [401, 'The request you have made requires authentication.'],
  [403, "Policy doesn't allow os_compute_api:os-migrate-server:migrate_live to be performed."],
  [404, `Instance ${VM} could not be found.`],
  [406, 'Version 2.999 is not supported by the API.'],
  [409, `Cannot 'os-migrateLive' instance ${VM} while it is in vm_state stopped`],
  [409, `Operation 'live-migration' not supported for vTPM-enabled instance ${VM}.`],
  [400, 'Invalid input received'],
  [500, 'Unexpected API Error.'],
  [202, ''],
])('an answer of %i is a refusal: %s', async (status, message) => {
  expect((await ask(() => [status, message])).taken).toBe(false);
});

test('who may migrate but not choose a host is asked for without one, if none was chosen', async () => {
  const manager = ({ host, force }: LiveMigrate): [number, string] =>
    host === null && force === true ? [400, "Can't force to a non-provided destination"] : [403, 'migrate_live:host'];
  const free = await ask(manager, { ...REQUEST, host: null });
  expect(free.taken).toBe(true);
  expect(free.asked.map((asked) => asked.headers['openstack-api-version'])).toEqual(['compute 2.93', 'compute 2.67']);
  expect(free.asked.every((asked) => asked.headers['x-auth-token'] === 'callers')).toBe(true);
  expect((await ask(manager)).taken).toBe(false);
  expect((await ask(() => [403, 'no'], { ...REQUEST, host: null })).taken).toBe(false);
});
