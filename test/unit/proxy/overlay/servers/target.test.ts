import { expect, test } from 'vitest';
import { serversTarget } from '../../../../../plugin/proxy/overlay/servers/target.ts';

const VM = '1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';
const TOKEN = ['X-Auth-Token', 't'];

test.each([
  [`/v2.1/servers/${VM}`, { kind: 'one', serverId: VM }],
  [`/v2.1/servers/${VM.toUpperCase()}/?x`, { kind: 'one', serverId: VM }],
  [`/v2/0123abcd/servers/${VM}`, { kind: 'one', serverId: VM }],
  [`//v2.1/./servers/%31${VM.slice(1)}`, { kind: 'one', serverId: VM }],
  ['/v2.1/servers/detail', { kind: 'all', serverId: null }],
  ['/compute/v2.1/0123abcd/servers/detail?all_tenants=1&status=ACTIVE', { kind: 'all', serverId: null }],
])('GET %s shows the state of servers', (path, target) => {
  expect(serversTarget('GET', path, TOKEN)).toEqual(target);
});

test.each([
  ['GET', '/v2.1/servers'],
  ['GET', `/v2.1/servers/${VM}/migrations`],
  ['GET', '/v2.1/servers/detail/more'],
  ['GET', '/v2.1/servers/no-uuid'],
  ['GET', `/v2.1/a/b/servers/${VM}`],
  ['GET', '/v2.1/flavors/detail'],
  ['HEAD', `/v2.1/servers/${VM}`],
  ['PUT', `/v2.1/servers/${VM}`],
  ['DELETE', `/v2.1/servers/${VM}`],
])('%s %s is Nova’s alone', (method, path) => {
  expect(serversTarget(method, path, TOKEN)).toBeNull();
});

test('a request with two tokens is Nova’s alone', () => {
  expect(serversTarget('GET', '/v2.1/servers/detail', [...TOKEN, ...TOKEN])).toBeNull();
});
