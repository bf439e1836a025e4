import { randomFrom } from '../../../../plugin/schedule/random.ts';
import type { Request } from '../request.ts';
import { JSON_TYPE } from './common.ts';

/**
 * Random requests, the same for the same seed. What reads may name anything; what writes names only what is not there, or
 * has a body that Nova refuses, so that it fails equally however often it is sent.
 */
const READ_PATHS = [
  ...['/v2.1/servers', '/v2.1/servers/detail', '/v2.1/servers/{ID}', '/v2.1/servers/{ID}/migrations'],
  ...['/v2.1/servers/{ID}/migrations/{NUMBER}', '/v2.1/os-migrations', '/v2.1/servers/{ID}/os-instance-actions'],
  ...['/v2.1/servers/{ID}/os-interface', '/v2.1/servers/{ID}/metadata', '/v2.1/servers/{ID}/tags', '/v2.1/flavors'],
  ...['/v2.1/flavors/detail', '/v2.1/flavors/{FLAVOR}', '/v2.1/os-hypervisors', '/v2.1/os-hypervisors/{NUMBER}'],
  ...['/v2.1/os-services', '/v2.1/os-aggregates', '/v2.1/os-keypairs', '/v2.1/os-keypairs/none', '/v2.1/limits'],
  ...['/v2.1/os-quota-sets/{PROJECT}', '/v2.1/os-server-groups', '/v2.1/os-availability-zone', '/v2.1/nothing'],
  ...['/v2/servers', '/v2/{PROJECT}/servers/{ID}', '/v2.1/{PROJECT}/os-migrations', '/v3/servers', '/', '/v2.1/'],
];

const WRITES: readonly (readonly [method: string, path: string, bodies: readonly string[]])[] = [
  ['POST', '/v2.1/servers', ['{}', '{"server": {}}', '{"server": {"name": "x"}}', '{"server": 7}', '[]', '']],
  ['POST', '/v2.1/servers/{NOBODY}/action', ['{"os-stop": null}', '{"reboot": {"type": "SOFT"}}', '{"unlock": null}']],
  ['POST', '/v2.1/servers/{SUSPENDED}/action', ['{"os-stop": null}', '{"pause": null}', '{"suspend": null}', '{}']],
  ['POST', '/v2.1/servers/{GUEST}/action', ['{"unpause": null}', '{"resume": null}', '{"os-fly": null}', '{', '{}']],
  [
    'POST',
    '/v2.1/servers/{GUEST}/migrations/999999/action',
    ['{"force_complete": null}', '{"force_complete": 1}', '{}'],
  ],
  ['DELETE', '/v2.1/servers/{GUEST}/migrations/999999', ['']],
  ['DELETE', '/v2.1/servers/{NOBODY}', ['']],
  ['DELETE', '/v2.1/servers/{NOBODY}/migrations/1', ['']],
  ['PUT', '/v2.1/servers/{NOBODY}', ['{"server": {"name": "x"}}', '{}']],
  ['PATCH', '/v2.1/servers/{GUEST}', ['{}', '']],
  ['PUT', '/v2.1/servers/{GUEST}/metadata', ['{}', '{"metadata": 1}', '{"metadata": {"a": 1}}']],
  ['POST', '/v2.1/flavors', ['{}', '{"flavor": {"name": "x"}}', '{"flavor": {"ram": "much"}}']],
  ['POST', '/v2.1/os-keypairs', ['{}', '{"keypair": {}}', '{"keypair": {"name": "a/b"}}']],
  ['PUT', '/v2.1/os-services/{NOBODY}', ['{"status": "disabled"}', '{}']],
  ['POST', '/v2.1/os-aggregates', ['{}', '{"aggregate": {}}']],
  ['OPTIONS', '/v2.1/servers', ['']],
  ['TRACE', '/v2.1/servers', ['']],
  ['BREW', '/v2.1/servers', ['']],
];

const QUERIES = [
  ...[
    'limit=1',
    'limit=0',
    'limit=-1',
    'limit=x',
    'limit=1&limit=2',
    'marker={GUEST}',
    'marker=nobody',
    'all_tenants=1',
  ],
  ...['all_tenants=maybe', 'status=ACTIVE', 'status=ACTIVE&status=ERROR', 'name=%', 'name=.*', 'sort_key=nothing', '='],
  ...[
    'changes-since=2026-11-01T00:00:00Z',
    'changes-since=yesterday',
    'changes-before=2020-01-01T00:00:00Z',
    '&&',
    'a',
  ],
  ...[
    'host={HERE}',
    'hidden=1',
    'migration_type=live-migration',
    'user_id=x',
    'project_id={PROJECT}',
    'x=%00',
    'x=%C3%BC',
  ],
  ...[
    'instance_uuid={GUEST}',
    'with_servers=1',
    'deleted=1',
    `name=${'n'.repeat(600)}`,
    'limit=1;all_tenants=1',
    'q=a+b',
  ],
];

const ODD_VERSIONS = [
  '2.0',
  '2.105',
  '2.999',
  '3.0',
  '1.1',
  '2',
  '2.01',
  '2.1.1',
  'Latest',
  'two',
  '',
  ' 2.1',
  '-2.1',
  '2.9e1',
];

/** @param count how many. */
export function randomRequests(seed: number, count: number): Request[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, at) => ({ ...one(random), source: 'random', name: `seed ${seed}, ${at}` }));
}

type Random = () => number;

function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[Math.floor(random() * from.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

function one(random: Random): Omit<Request, 'source' | 'name'> {
  const headers = headersOf(random);
  if (random() < 0.65) {
    const method = random() < 0.1 ? 'HEAD' : 'GET';
    const target = respelled(random, withQuery(random, named(random, pick(random, READ_PATHS))));
    return { method, target, headers, body: null };
  }
  const [method, path, bodies] = pick(random, WRITES);
  const body = pick(random, bodies);
  const type = random() < 0.8 ? [JSON_TYPE] : random() < 0.5 ? [] : [['Content-Type', pick(random, TYPES)] as const];
  const framed = { headers: [...headers, ...type], body };
  return { method, target: respelled(random, path), ...framed, chunked: random() < 0.15 && body !== '' };
}

const TYPES = [
  'text/plain',
  'application/xml',
  'application/json; charset=utf-8',
  'APPLICATION/JSON',
  'json',
  '',
  '*/*',
];

function named(random: Random, path: string): string {
  return path
    .replace('{ID}', pick(random, ['{GUEST}', '{SUSPENDED}', '{NOBODY}', 'x', '..', '%20', '{GUEST}x']))
    .replace('{NUMBER}', pick(random, ['1', '999999', '-1', 'x', '1e3']))
    .replace('{FLAVOR}', pick(random, ['m128', 'm9', '1']));
}

function withQuery(random: Random, path: string): string {
  const parts = Array.from({ length: Math.floor(random() * 3) }, () => pick(random, QUERIES));
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`;
}

/** One request in four is spelled in another way than clients do. */
function respelled(random: Random, target: string): string {
  if (random() > 0.25) return target;
  const [path = '', ...query] = target.split('?');
  const respell = pick(random, [
    (text: string) => text.replaceAll('/', '//'),
    (text: string) => `${text}/`,
    (text: string) => text.replace('servers', '%73ervers'),
    (text: string) => text.replace(/\/([^/]+)$/, '%2F$1'),
    (text: string) => text.replace(/^\/v2\.1/, '/v2%2e1'),
    (text: string) => text.replace(/^\/v2\.1/, '/v2.1/.'),
    (text: string) => text.replace(/^\/v2\.1/, '/x/../v2.1'),
    (text: string) => text.replace(/^\/v2\.1/, '/x/%2e%2e/v2.1'),
    (text: string) => text.toUpperCase().replace(/\{[A-Z]+\}/g, (name) => name),
    (text: string) => text.replace('servers', 'Servers'),
    (text: string) => `${text};a=b`,
    (text: string) => `${text}%zz`,
    (text: string) => `${text}\xc3\xbc`,
  ]);
  return [respell(path), ...query].join('?');
}

function headersOf(random: Random): [string, string][] {
  const style = random();
  const version =
    random() < 0.15 ? pick(random, ODD_VERSIONS) : random() < 0.1 ? 'latest' : `2.${1 + Math.floor(random() * 104)}`;
  const newer: [string, string] = ['OpenStack-API-Version', `compute ${version}`];
  const older: [string, string] = ['X-OpenStack-Nova-API-Version', version];
  const versions = style < 0.5 ? [newer] : style < 0.7 ? [older] : style < 0.9 ? [newer, older] : [];
  const token = pick(random, [
    '{TOKEN}',
    '{TOKEN}',
    '{TOKEN}',
    '{TOKEN}',
    '{MEMBER_TOKEN}',
    '{STRANGER_TOKEN}',
    'no',
    '',
  ]);
  const all: [string, string][] = [
    [
      'Accept',
      pick(random, ['application/json', '*/*', 'application/xml', 'text/html', 'application/json;version=2.1']),
    ],
    ...(random() < 0.95 ? ([['X-Auth-Token', token]] as [string, string][]) : []),
    ...versions,
    ...(random() < 0.1 ? ([['X-Openstack-Request-Id', 'req-11111111-2222-3333-4444-555555555555']] as const) : []),
    ...(random() < 0.1
      ? ([
          ['X-Forwarded-For', '192.0.2.7'],
          ['Via', '1.1 before'],
        ] as const)
      : []),
  ].map(([name, value]) => [cased(random, name ?? ''), value ?? '']);
  return [['Host', '{HOST}'], ...all, ['Connection', random() < 0.8 ? 'close' : 'keep-alive']];
}

function cased(random: Random, name: string): string {
  const way = random();
  return way < 0.8 ? name : way < 0.9 ? name.toLowerCase() : name.toUpperCase();
}
