import { expect, test } from 'vitest';
import { listedView, pythonJson, serverView, type WaitingMigration } from '../../../../plugin/proxy/overlay/views.ts';

const WAITING: WaitingMigration = {
  id: 7,
  vmUuid: '1328abc4-0a08-459d-b259-31886bc2a35d',
  projectId: 'project',
  userId: 'user',
  source: 'os-hosta',
  sourceNode: 'os-hosta',
  destination: 'os-hostb',
  createdAtMs: Date.UTC(2026, 10, 22, 11, 32, 49, 987),
  updatedAtMs: Date.UTC(2026, 10, 22, 11, 32, 50, 12),
  status: 'queued',
  asked: false,
};
const viewer = (microversion: string) => ({ microversion, seesHosts: true, base: 'http://nova:8774/compute/v2.1' });

/** Members of Nova 26's own entries, in its order (recorded). */
const LISTED =
  'id uuid source_compute dest_compute source_node dest_node dest_host old_instance_type_id new_instance_type_id instance_uuid status migration_type user_id project_id created_at updated_at links';
const OF_SERVER =
  'created_at dest_compute dest_host dest_node disk_processed_bytes disk_remaining_bytes disk_total_bytes id memory_processed_bytes memory_remaining_bytes memory_total_bytes server_uuid source_compute source_node status updated_at uuid user_id project_id';

test.each([
  ['2.1', 'uuid migration_type user_id project_id links'],
  ['2.22', 'uuid migration_type user_id project_id links'],
  ['2.23', 'uuid user_id project_id'],
  ['2.58', 'uuid user_id project_id'],
  ['2.59', 'user_id project_id'],
  ['2.79', 'user_id project_id'],
  ['2.80', ''],
  ['2.104', ''],
])('in %s an entry of os-migrations has the members that Nova gives, in its order', (microversion, without) => {
  const members = LISTED.split(' ').filter((name) => !without.split(' ').includes(name));
  expect(Object.keys(listedView(WAITING, viewer(microversion)))).toEqual(members);
});

test.each([
  ['2.23', 'uuid user_id project_id'],
  ['2.59', 'user_id project_id'],
  ['2.80', ''],
])('in %s an entry of a server’s migrations has the members that Nova gives, in its order', (microversion, without) => {
  const members = OF_SERVER.split(' ').filter((name) => !without.split(' ').includes(name));
  expect(Object.keys(serverView(WAITING, viewer(microversion)))).toEqual(members);
});

test('times are whole seconds of UTC, the status is queued, the bookmark is without a version', () => {
  expect(listedView(WAITING, viewer('2.80'))).toMatchObject({
    id: 2_000_000_007,
    status: 'queued',
    created_at: '2026-11-22T11:32:49.000000',
    updated_at: '2026-11-22T11:32:50.000000',
    links: [
      {
        rel: 'self',
        href: `http://nova:8774/compute/v2.1/servers/${WAITING.vmUuid}/migrations/2000000007`,
      },
      { rel: 'bookmark', href: `http://nova:8774/compute/servers/${WAITING.vmUuid}/migrations/2000000007` },
    ],
  });
});

test('hosts are hidden where the caller may not see them', () => {
  for (const view of [listedView, serverView]) {
    const hidden = view(WAITING, { ...viewer('2.104'), seesHosts: false });
    expect(JSON.stringify(hidden)).not.toContain('os-host');
  }
});

test('JSON is written as Python writes it', () => {
  const value = { a: [1, null, true, 'é\u007f"\\\n'], b: {}, 'k\u00fc': [] };
  expect(pythonJson(value)).toBe('{"a": [1, null, true, "\\u00e9\\u007f\\"\\\\\\n"], "b": {}, "k\\u00fc": []}');
});
