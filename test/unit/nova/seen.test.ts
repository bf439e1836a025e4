import type { Migration, OpenStackClient } from 'openstack-client-ts';
import { expect, test } from 'vitest';
import { createNovaCalls } from '../../../plugin/nova/calls.ts';

const OWN = 'drover-account';
const asked = { vmUuid: 'vm', sinceMs: 10_000, id: null, newestBefore: 4, userId: null };

function record(change: Partial<Migration>): Migration {
  return {
    ...{ id: 5, uuid: 'uuid', status: 'running', migrationType: 'live-migration', instanceUuid: 'vm' },
    ...{ sourceCompute: 'a', destCompute: 'b', createdAtMs: 10_000, updatedAtMs: null, userId: OWN, projectId: 'p' },
    ...change,
  };
}

function callsTo(taskState: string | null, migrations: Migration[]) {
  return createNovaCalls({
    account: async () => ({ userId: OWN, roles: [], publicComputeUrls: [] }),
    showServer: async () => ({ taskState }),
    listMigrations: async () => migrations,
  } as unknown as OpenStackClient);
}

test.each([
  ['its record', 'migrating', [record({})], 'ours'],
  ['its record, ended', null, [record({ status: 'completed' })], 'ours'],
  ['its record, of a Nova that does not tell who asked', 'migrating', [record({ userId: null })], 'ours'],
  ["a caller's that runs", 'migrating', [record({ userId: 'caller' })], 'others'],
  ["a caller's that has ended", null, [record({ userId: 'caller', status: 'error' })], 'none'],
  [
    "a caller's that has ended, and the server is migrating again",
    'migrating',
    [record({ userId: 'caller', status: 'error' })],
    'unrecorded',
  ],
  ['one of before', null, [record({ id: 4 })], 'none'],
  ['a server that is migrating, and no record', 'migrating', [], 'unrecorded'],
  ['a server with another task', 'rebooting', [], 'none'],
] as const)('%s is seen as it is', async (_, taskState, migrations, seen) => {
  expect(await callsTo(taskState, [...migrations]).seen(asked)).toBe(seen);
});

test("a caller's own migration is the one that this caller asked for", async () => {
  const both = [record({ id: 6, userId: 'caller' }), record({ id: 5, userId: OWN })];
  const calls = callsTo('migrating', both);
  expect((await calls.find({ ...asked, userId: 'caller' }))?.id).toBe(6);
  expect((await calls.find(asked))?.id).toBe(5);
  expect(await calls.find({ ...asked, userId: 'somebody' })).toBeNull();
  expect((await calls.find({ ...asked, userId: 'somebody', id: 6 }))?.id).toBe(6);
});
