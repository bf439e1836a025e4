import fc from 'fast-check';
import { expect, test } from 'vitest';
import { actionTarget, liveMigrateAction } from '../../../plugin/proxy/intercept.ts';
import { actionPath, normalSegments } from '../../../plugin/proxy/path.ts';

const VM = '1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';
const PROJECT = '5d1c7b0a9e8f4d3c2b1a0f9e8d7c6b5a';
const JSON_TYPE = ['Content-Type', 'application/json'];

test.each([
  `/v2.1/servers/${VM}/action`,
  `/v2.1/servers/${VM}/action/`,
  `/v2.1/servers/${VM}/action?x=1`,
  `/v2.1/servers/${VM}/action#f`,
  `/v2.1/${PROJECT}/servers/${VM}/action`,
  `/compute/v2.1/servers/${VM}/action`,
  `/compute/v2.1/${PROJECT}/servers/${VM}/action`,
  `/servers/${VM}/action`,
  `/${PROJECT}/servers/${VM}/action`,
  `//v2.1///servers/${VM}//action`,
  `/v2.1/./servers/${VM}/action`,
  `/v2.1/flavors/../servers/${VM}/action`,
  `/v2.1/%73ervers/${VM}/action`,
  `/v2%2E1/servers/${VM}/%61ction`,
  `/v2.1/servers%2F${VM}%2faction`,
  `/v2.1/x/%2e%2e/servers/${VM}/action`,
  `/v2.1/servers/${VM.toUpperCase()}/action`,
  `http://nova.example:8774/v2.1/servers/${VM}/action`,
  `HTTP://nova.example/v2.1/servers/${VM}/action?a=b`,
])('%s is an action of the server', (path) => {
  expect(actionPath(path)).toMatchObject({ serverId: VM, legacyV2: false });
});

test.each([`/v2/servers/${VM}/action`, `/v2/${PROJECT}/servers/${VM}/action`, `/compute/v2/servers/${VM}/action`])(
  '%s is one of the legacy API',
  (path) => expect(actionPath(path)).toEqual({ serverId: VM, legacyV2: true, versioned: true }),
);

test.each([
  '/',
  '',
  '*',
  'servers',
  '/v2.1/servers',
  `/v2.1/servers/${VM}`,
  `/v2.1/servers/${VM}/action/x`,
  `/v2.1/servers/${VM}/actions`,
  `/v2.1/servers/${VM}/Action`,
  `/v2.1/Servers/${VM}/action`,
  `/v2.1/servers/${VM}/migrations/4/action`,
  `/v2.1/servers/${VM}/action/..`,
  `/v2.1/servers/not-a-uuid/action`,
  `/v2.1/servers/${VM.replaceAll('-', '')}/action`,
  `/v2.1/servers/${VM}%00/action`,
  `/v2.1/a/b/servers/${VM}/action`,
  `/v2.1/servers/${VM}/action%3Fx`,
  `/v2.1/servers/${VM}/%2561ction`,
  `/v2.1/servers/${VM}/%zzaction`,
  `/v2.1/servers/${VM}/%C0%AEaction`,
  `?/v2.1/servers/${VM}/action`,
  `/v2.1/servers?/servers/${VM}/action`,
])('%s is none', (path) => {
  expect(actionPath(path)).toBeNull();
});

test('`..` never leaves the root, and what is left has no empty, `.` or `..` segment', () => {
  const part = fc.constantFrom('a', '..', '.', '', '%2e%2e', '%2F', '%2f..', 'servers', '%', '\u00e9', '?q');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      for (const segment of normalSegments(`/${parts.join('/')}`) ?? []) expect(['', '.', '..']).not.toContain(segment);
    }),
  );
});

test.each([
  ['GET', JSON_TYPE],
  ['PUT', JSON_TYPE],
  ['POST', ['Content-Type', 'application/x-www-form-urlencoded']],
  ['POST', [...JSON_TYPE, 'OpenStack-API-Version', 'compute two']],
  ['POST', [...JSON_TYPE, 'X-OpenStack-Nova-API-Version', '2']],
])('%s with %j is left to Nova', (method, headers) => {
  expect(actionTarget(method, `/v2.1/servers/${VM}/action`, headers)).toBeNull();
});

test.each([[[]], [['Content-Type', 'text/plain; charset=UTF-8']], [[...JSON_TYPE, 'Content-Encoding', 'gzip']]])(
  'headers %j: Nova reads the body, so it is looked at',
  (headers) => {
    expect(actionTarget('POST', `/v2.1/servers/${VM}/action`, headers)).toMatchObject({ doubt: null });
  },
);

test.each([
  ['a type twice', [...JSON_TYPE, 'content-type', 'text/html'], 'more than one content-type header field'],
  ['two tokens', [...JSON_TYPE, 'X-Auth-Token', 'a', 'x-auth-token', 'b'], 'more than one x-auth-token header field'],
  [
    'two versions',
    ['OpenStack-API-Version', 'compute 2.93', 'OpenStack-API-Version', 'volume 3.0'],
    'more than one openstack-api-version header field',
  ],
  [
    'white space that is some only in Python',
    ['OpenStack-API-Version', 'compute\x852.93'],
    'a byte above 7F in openstack-api-version',
  ],
])('%s: refused where the body is a live migration', (_name, headers, doubt) => {
  const target = actionTarget('POST', `/v2.1/servers/${VM}/action`, headers);
  expect(target?.doubt).toBe(doubt);
  const body = Buffer.from(live({ host: null, block_migration: 'auto' }));
  expect(() => target && liveMigrateAction(target, body)).toThrow('two ways');
  expect(target && liveMigrateAction(target, Buffer.from('{"reboot": {"type": "HARD"}}'))).toBeNull();
});

test.each([
  ['Content-Type', 'application/json;version=2'],
  ['Accept', 'application/json;version=2'],
])('a version in %s counts for Nova where the path has none', (name, value) => {
  const other = name === 'Accept' ? JSON_TYPE : [];
  expect(actionTarget('POST', `/servers/${VM}/action`, [...other, name, value])?.doubt).toBeTruthy();
  expect(actionTarget('POST', `/v2.1/servers/${VM}/action`, [...other, name, value])?.doubt).toBeNull();
});

test.each([
  [[], '2.1'],
  [['OpenStack-API-Version', 'compute 2.93'], '2.93'],
  [['openstack-api-version', 'Compute latest'], 'latest'],
  [['X-OpenStack-Nova-API-Version', '2.30'], '2.30'],
  [['X-OpenStack-Nova-API-Version', '2.30', 'OpenStack-API-Version', 'compute 2.93'], '2.93'],
  [['X-OpenStack-Nova-API-Version', '2.30', 'OpenStack-API-Version', 'placement 1.2'], '2.30'],
  [['OpenStack-API-Version', 'placement 1.2, compute 2.25'], '2.25'],
  [['OpenStack-API-Version', 'compute 2.25, compute 2.60'], '2.60'],
])('headers %j mean version %s', (headers, version) => {
  const target = actionTarget('POST', `/v2.1/servers/${VM}/action`, [...JSON_TYPE, ...headers]);
  expect(target?.microversion).toBe(version);
});

test('the legacy API knows no microversions', () => {
  const headers = [...JSON_TYPE, 'OpenStack-API-Version', 'compute 2.93'];
  expect(actionTarget('POST', `/v2/servers/${VM}/action`, headers)?.microversion).toBe('2.1');
});

test('a charset after the media type does not matter', () => {
  const headers = ['content-type', 'Application/JSON; charset=UTF-8'];
  expect(actionTarget('POST', `/v2.1/servers/${VM}/action`, headers)).not.toBeNull();
});

function parse(microversion: string, body: string | Uint8Array) {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return liveMigrateAction({ serverId: VM, legacyV2: false, versioned: true, microversion, doubt: null }, bytes);
}
const live = (members: object) => JSON.stringify({ 'os-migrateLive': members });
const NONE = { serverId: VM, host: null, diskOverCommit: null, force: null };

test.each([
  [
    '2.1',
    { host: null, block_migration: false, disk_over_commit: false },
    { blockMigration: false, diskOverCommit: false },
  ],
  [
    '2.24',
    { host: 'c1', block_migration: 'True', disk_over_commit: 'no' },
    { host: 'c1', blockMigration: true, diskOverCommit: false },
  ],
  ['2.25', { host: null, block_migration: 'auto' }, { blockMigration: 'auto' }],
  [
    '2.30',
    { host: 'c1.example', block_migration: true, force: 'on' },
    { host: 'c1.example', blockMigration: true, force: true },
  ],
  ['2.67', { host: null, block_migration: 'auto', force: false }, { blockMigration: 'auto', force: false }],
  ['2.68', { host: 'c1', block_migration: 'auto' }, { host: 'c1', blockMigration: 'auto' }],
  ['2.104', { block_migration: '0', host: null }, { blockMigration: false }],
  ['latest', { host: null, block_migration: 'auto' }, { blockMigration: 'auto' }],
])('at %s %j is a live migration', (microversion, members, expected) => {
  expect(parse(microversion, live(members))).toEqual({ ...NONE, ...expected, microversion });
});

test.each([
  ['2.1', live({ host: null, block_migration: 'auto', disk_over_commit: false })],
  ['2.1', live({ host: null, block_migration: false })],
  ['2.25', live({ host: null, block_migration: false, disk_over_commit: false })],
  ['2.29', live({ host: null, block_migration: 'auto', force: true })],
  ['2.30', live({ host: null, block_migration: 'auto', force: true })],
  ['2.68', live({ host: 'c1', block_migration: 'auto', force: true })],
  ['2.93', live({ host: 'c1' })],
  ['2.93', live({ block_migration: 'auto' })],
  ['2.93', live({ host: '', block_migration: 'auto' })],
  ['2.93', live({ host: 'a b', block_migration: 'auto' })],
  ['2.93', live({ host: 'h'.repeat(256), block_migration: 'auto' })],
  ['2.93', live({ host: ['c1'], block_migration: 'auto' })],
  ['2.93', live({ host: null, block_migration: 'maybe' })],
  ['2.93', live({ host: null, block_migration: null })],
  ['2.93', live({ host: null, block_migration: 1 })],
  ['2.93', live({ host: null, block_migration: 'auto', extra: 1 })],
  ['2.93', '{"os-migrateLive": null}'],
  ['2.93', '{"os-migrateLive": []}'],
  ['2.93', '{"os-migratelive": {"host": null, "block_migration": "auto"}}'],
  ['2.93', '{"os-migrateLive": {"host": null, "block_migration": "auto"}, "reboot": null}'],
  ['2.93', '[{"os-migrateLive": {"host": null, "block_migration": "auto"}}]'],
  ['2.93', '{"os-migrateLive": {"host": null, "block_migration": "auto"}} x'],
  ['2.93', '{"os-migrateLive": {"host": null, "block_migration": "auto",}}'],
  ['2.93', '{"__proto__": {"os-migrateLive": {"host": null, "block_migration": "auto"}}}'],
  ['2.93', '{"os-migrateLive": {"__proto__": {}, "host": null, "block_migration": "auto"}}'],
  ['2.93', '\ufeff{"os-migrateLive": {"host": null, "block_migration": "auto"}}'],
  ['2.93', 'null'],
  ['2.93', ''],
])('at %s %s is left to Nova', (microversion, body) => {
  expect(parse(microversion, body)).toBeNull();
});

test.each([
  '{"os-migrateLive": {"host": "a", "host": "b", "block_migration": "auto"}}',
  '{"os-migrateLive": {"host": "a", "\\u0068ost": "a", "block_migration": "auto"}}',
  '{"os-migrateLive": 1, "os-migrateLive": {"host": null, "block_migration": "auto"}}',
  '{"os-migrateLive": {"host": NaN, "block_migration": "auto"}}',
  '{"os-migrateLive": {"host": "c1\\n", "block_migration": "auto"}}',
])('%s is refused: Nova might take it for a live migration', (body) => {
  expect(() => parse('2.93', body)).toThrow();
});

test.each(['utf-16le', 'utf-16be'] as const)('%s is refused as well', (encoding) => {
  const bytes = Buffer.from(live({ host: null, block_migration: 'auto' }), 'utf16le');
  expect(() => parse('2.93', encoding === 'utf-16le' ? bytes : bytes.swap16())).toThrow('UTF-16');
});

test('bytes that are no UTF-8 are left to Nova', () => {
  const bytes = Buffer.from(live({ host: 'cXY', block_migration: 'auto' }));
  bytes[bytes.indexOf('X')] = 0xc3;
  expect(parse('2.93', bytes)).toBeNull();
});

test('strings that look like structure do not confuse the search for repeated members', () => {
  expect(parse('2.30', '{ "os-migrateLive" :{"block_migration":"auto","host" : null , "force":"0"}}')).not.toBeNull();
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify({ 'os-migrateLive': { host: null, block_migration: 'auto' }, more: value });
      expect(parse('2.93', text)).toBeNull();
    }),
  );
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(parse('2.93', bytes)).toBeNull();
    }),
  );
  expect(parse('2.93', '['.repeat(60_000))).toBeNull();
  expect(parse('2.93', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`)).toBeNull();
});
