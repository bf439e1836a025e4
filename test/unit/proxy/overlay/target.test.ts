import { expect, test } from 'vitest';
import { migrationsTarget, withMigrationId } from '../../../../plugin/proxy/overlay/target.ts';

const VM = '1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';
const OURS = 2_000_000_007;
const TOKEN = ['X-Auth-Token', 't'];

test.each([
  ['GET', '/v2.1/os-migrations', { kind: 'all' }],
  ['GET', '/v2.1/os-migrations/?status=queued', { kind: 'all' }],
  ['GET', '/compute/v2.1/0123abcd/os-migrations', { kind: 'all' }],
  ['GET', '/v2.1/os%2Dmigrations', { kind: 'all' }],
  ['GET', '/os-migrations', { kind: 'all' }],
  ['GET', `/v2.1/servers/${VM.toUpperCase()}/migrations`, { kind: 'server', serverId: VM }],
  ['GET', `/v2.1//servers/./${VM}/migrations`, { kind: 'server', serverId: VM }],
  ['GET', `/v2.1/servers/${VM}/migrations/${OURS}`, { kind: 'show', serverId: VM, record: 7 }],
  ['DELETE', `/v2.1/servers/${VM}/migrations/${OURS}`, { kind: 'abort', serverId: VM, record: 7 }],
  ['POST', `/v2.1/servers/${VM}/migrations/${OURS}/action`, { kind: 'force', serverId: VM, record: 7 }],
])('%s %s is seen', (method, path, target) => {
  expect(migrationsTarget(method, path, TOKEN)).toMatchObject(target);
});

test.each([
  ['POST', '/v2.1/os-migrations'],
  ['HEAD', '/v2.1/os-migrations'],
  ['GET', '/v2.1/os-migrations/7'],
  ['GET', '/v2.1/a/b/os-migrations'],
  ['GET', `/v2.1/servers/${VM}/migrations/7`],
  ['DELETE', `/v2.1/servers/${VM}/migrations/7`],
  ['POST', `/v2.1/servers/${VM}/migrations/7/action`],
  ['PUT', `/v2.1/servers/${VM}/migrations/${OURS}`],
  ['GET', `/v2.1/servers/${VM}/migrations/${OURS}/action`],
  ['GET', '/v2.1/servers/no-uuid/migrations'],
  ['GET', `/v2.1/servers/${VM}`],
])('%s %s is Nova’s alone', (method, path) => {
  expect(migrationsTarget(method, path, TOKEN)).toBeNull();
});

test('a request with two tokens is Nova’s alone', () => {
  expect(migrationsTarget('GET', '/v2.1/os-migrations', [...TOKEN, ...TOKEN])).toBeNull();
});

test('another id takes the place of one in the path, and in nothing else', () => {
  const path = `/v2.1/servers/${VM}/migrations/${OURS}`;
  expect(withMigrationId(path, OURS, 5)).toBe(`/v2.1/servers/${VM}/migrations/5`);
  expect(withMigrationId(`${path}/action?a=${OURS}`, OURS, 5)).toBe(
    `/v2.1/servers/${VM}/migrations/5/action?a=${OURS}`,
  );
});
