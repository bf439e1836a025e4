import type { Request } from '../request.ts';
import { JSON_TYPE, ordinary } from './common.ts';

/**
 * What changes something, as whole stories: each is told to Nova directly, then through Drover, and leaves the cloud as it
 * was, so that both find the same. Values that Nova makes up are kept under a name (`keep`) and written so in both answers.
 */
export interface Story {
  name: string;
  steps: readonly Step[];
}

export interface Step {
  request: Request;
  /** By name, a pattern whose first group is the value in this answer's body. */
  keep: Readonly<Record<string, RegExp>>;
}

function step(
  method: string,
  target: string,
  body: unknown,
  version = '2.93',
  keep: Step['keep'] = {},
  token = '{TOKEN}',
): Step {
  // Texts of requests are bytes.
  const text = body === undefined ? null : Buffer.from(JSON.stringify(body)).toString('latin1');
  const headers = text === null ? ordinary(version, token) : [...ordinary(version, token), JSON_TYPE];
  return { request: { source: 'stateful', name: `${method} ${target}`, method, target, headers, body: text }, keep };
}

const METADATA = '/v2.1/servers/{GUEST}/metadata';
const TAGS = '/v2.1/servers/{GUEST}/tags';
const ACTION = '/v2.1/servers/{GUEST}/action';
const KEY = 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDZ8a2EEmtQQ9l3RgJ2tGWcVbcl5hJ3h1m0bLr5nq0e3w== nobody';

export const STORIES: readonly Story[] = [
  {
    name: 'metadata of a server',
    steps: [
      // Never more than one: Nova tells several in another order each time.
      step('PUT', METADATA, { metadata: { size: 'größer' } }),
      step('POST', METADATA, { metadata: { size: '1' } }),
      step('PUT', `${METADATA}/size`, { meta: { size: '2' } }),
      step('GET', METADATA, undefined),
      step('DELETE', `${METADATA}/size`, undefined),
      step('DELETE', `${METADATA}/size`, undefined),
      step('PUT', METADATA, { metadata: {} }),
    ],
  },
  {
    name: 'tags of a server',
    steps: [
      step('PUT', `${TAGS}/blue`, undefined),
      step('PUT', `${TAGS}/blue`, undefined),
      step('GET', `${TAGS}/blue`, undefined),
      step('PUT', TAGS, { tags: ['a', 'b'] }),
      step('DELETE', TAGS, undefined),
      step('DELETE', `${TAGS}/blue`, undefined),
    ],
  },
  {
    name: 'a lock, and what it refuses',
    steps: [
      step('POST', ACTION, { lock: { locked_reason: 'maintenance' } }),
      step('GET', '/v2.1/servers/{GUEST}', undefined),
      // An administrator's lock binds others, not the administrator.
      step('POST', ACTION, { 'os-stop': null }, '2.1', {}, '{MEMBER_TOKEN}'),
      step('POST', ACTION, { 'os-migrateLive': { host: 'nowhere', block_migration: 'auto' } }),
      step('POST', ACTION, { unlock: null }),
    ],
  },
  {
    name: 'a key',
    steps: [
      step('POST', '/v2.1/os-keypairs', { keypair: { name: 'differential', type: 'ssh', public_key: KEY } }),
      step('POST', '/v2.1/os-keypairs', { keypair: { name: 'differential', type: 'ssh', public_key: KEY } }),
      step('GET', '/v2.1/os-keypairs/differential', undefined),
      step('DELETE', '/v2.1/os-keypairs/differential', undefined),
      step('DELETE', '/v2.1/os-keypairs/differential', undefined),
    ],
  },
  {
    name: 'a flavor',
    steps: [
      step('POST', '/v2.1/flavors', {
        flavor: { id: 'differential', name: 'differential', ram: 1, vcpus: 1, disk: 0 },
      }),
      step('POST', '/v2.1/flavors', {
        flavor: { id: 'differential', name: 'differential', ram: 1, vcpus: 1, disk: 0 },
      }),
      step('POST', '/v2.1/flavors/differential/os-extra_specs', { extra_specs: { 'hw:cpu_policy': 'shared' } }),
      step('GET', '/v2.1/flavors/differential', undefined),
      step('DELETE', '/v2.1/flavors/differential', undefined),
      step('DELETE', '/v2.1/flavors/differential', undefined),
    ],
  },
  {
    name: 'an aggregate',
    steps: [
      step('POST', '/v2.1/os-aggregates', { aggregate: { name: 'differential' } }, '2.93', {
        AGGREGATE_UUID: /"uuid": "([^"]+)"/,
        AGGREGATE: /"id": (\d+)/,
      }),
      step('POST', '/v2.1/os-aggregates/{AGGREGATE}/action', { add_host: { host: '{HERE}' } }),
      step('POST', '/v2.1/os-aggregates/{AGGREGATE}/action', { add_host: { host: '{HERE}' } }),
      step('POST', '/v2.1/os-aggregates/{AGGREGATE}/action', { remove_host: { host: '{HERE}' } }),
      step('DELETE', '/v2.1/os-aggregates/{AGGREGATE}', undefined),
    ],
  },
  {
    name: 'a server group',
    steps: [
      step('POST', '/v2.1/os-server-groups', { server_group: { name: 'd', policy: 'anti-affinity' } }, '2.93', {
        GROUP: /"id": "([^"]+)"/,
      }),
      step('GET', '/v2.1/os-server-groups/{GROUP}', undefined),
      step('DELETE', '/v2.1/os-server-groups/{GROUP}', undefined),
      step('DELETE', '/v2.1/os-server-groups/{GROUP}', undefined),
    ],
  },
  {
    name: 'a server that no host can take',
    steps: [
      step(
        'POST',
        '/v2.1/servers',
        {
          server: {
            name: 'differential',
            imageRef: '{IMAGE}',
            flavorRef: 'm128',
            networks: 'none',
            availability_zone: 'x',
          },
        },
        '2.93',
      ),
    ],
  },
  {
    name: 'a server that is made, renamed and deleted at once',
    steps: [
      step(
        'POST',
        '/v2.1/servers',
        { server: { name: 'differential', imageRef: '{IMAGE}', flavorRef: 'm128', networks: 'none' } },
        '2.93',
        { SERVER: /"id": "([^"]+)"/, PASSWORD: /"adminPass": "([^"]+)"/ },
      ),
      step('POST', '/v2.1/servers/{SERVER}/action', {
        'os-migrateLive': { host: 'nowhere', block_migration: 'auto' },
      }),
      step('DELETE', '/v2.1/servers/{SERVER}', undefined),
    ],
  },
];
