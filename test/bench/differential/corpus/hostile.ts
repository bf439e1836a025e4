import type { Request } from '../request.ts';
import { JSON_TYPE, ordinary } from './common.ts';

const LIST = '/v2.1/servers?limit=1';
const ACTION = '/v2.1/servers/{NOBODY}/action';
const MIGRATE = '{"os-migrateLive": {"host": null, "block_migration": "auto"}}';

type Header = readonly [string, string];

/** Reads, with something odd in the header. All of them are well-formed HTTP. */
const HEADERS: readonly (readonly [name: string, headers: readonly Header[]])[] = [
  ['the token twice', [['X-Auth-Token', '{TOKEN}']]],
  ['a second token that is bad', [['X-Auth-Token', 'bad']]],
  ['the version twice, the same', [['OpenStack-API-Version', 'compute 2.93']]],
  ['the version twice, another', [['OpenStack-API-Version', 'compute 2.1']]],
  ['versions of several services', [['OpenStack-API-Version', 'identity 3.1, compute 2.53']]],
  ['old and new version, another', [['X-OpenStack-Nova-API-Version', '2.1']]],
  ['Accept twice', [['Accept', 'text/html']]],
  ['a value of 4,000 bytes', [['X-Long', 'x'.repeat(4000)]]],
  ['a value of 20,000 bytes', [['X-Long', 'x'.repeat(20_000)]]],
  ['an empty value', [['X-Empty', '']]],
  ['spaces around a value', [['X-Spaces', '  a b  ']]],
  ['bytes beyond ASCII', [['X-Bytes', 'na\xefve \xff']]],
  ['a comma in a token name', [['X-A', 'a,b;c="d"']]],
  ['an underscore in a name', [['X_Auth_Token', 'bad']]],
  ['the token named in Connection', [['Connection', 'X-Auth-Token']]],
  ['the version named in Connection', [['Connection', 'OpenStack-API-Version, close']]],
  [
    'TE and Trailer',
    [
      ['TE', 'trailers'],
      ['Trailer', 'X-T'],
    ],
  ],
  [
    'Upgrade',
    [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
    ],
  ],
  [
    'h2c',
    [
      ['Upgrade', 'h2c'],
      ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
      ['Connection', 'Upgrade, HTTP2-Settings'],
    ],
  ],
  ['a Range', [['Range', 'bytes=0-10']]],
  ['If-None-Match', [['If-None-Match', '*']]],
  ['Accept-Encoding', [['Accept-Encoding', 'gzip, br']]],
  [
    'X-Forwarded-Host and Proto',
    [
      ['X-Forwarded-Host', 'evil.example'],
      ['X-Forwarded-Proto', 'https'],
    ],
  ],
  ['a method override', [['X-HTTP-Method-Override', 'DELETE']]],
  [
    'a project of its own',
    [
      ['X-Project-Id', 'another'],
      ['X-Roles', 'admin'],
      ['X-Identity-Status', 'Confirmed'],
    ],
  ],
  ['100 header fields', Array.from({ length: 100 }, (_, at) => [`X-Field-${at}`, String(at)] as const)],
];

const TARGETS: readonly string[] = [
  ...['/v2.1//servers', '//v2.1/servers', '/v2.1/servers//', '/v2.1/servers/', '/v2.1/./servers', '/./v2.1/servers'],
  ...[
    '/v2.1/../v2.1/servers',
    '/..//v2.1/servers',
    '/v2.1/%2e/servers',
    '/v2.1/%2e%2e/v2.1/servers',
    '/v2.1%2Fservers',
  ],
  ...[
    '/v2.1%2fservers',
    '/v2.1/servers%2Fdetail',
    '/v2.1/%73%65%72%76%65%72%73',
    '/v2.1/servers%00',
    '/v2.1/servers%0d%0a',
  ],
  ...[
    '/v2.1/servers%',
    '/v2.1/servers%g1',
    '/v2.1/servers?',
    '/v2.1/servers??limit=1',
    '/v2.1/servers?limit=1?limit=2',
  ],
  ...[
    '/v2.1/servers?limit=1%26limit=2',
    '/v2.1/servers;limit=1',
    '/v2.1/servers&limit=1',
    '/V2.1/servers',
    '/v2.1/SERVERS',
  ],
  ...[
    '/v2.1/servers\\detail',
    '/v2.1/servers?a="<>`{}|^',
    `/v2.1/${'a'.repeat(4000)}`,
    `/v2.1/servers?${'a=1&'.repeat(1500)}`,
  ],
  ...[
    '/v2.1/servers/%7bGUEST%7d',
    '/v2.1/servers/%c3%28',
    '/v2.1/servers?name=%c3%28',
    '/v2.1/servers?x=\xfc',
    '/%',
    '/?',
    '/#',
  ],
  ...[
    '/v2.1/servers#x',
    '/v2.1/servers/{GUEST}#/action',
    '/v2.1/servers/..%2f..%2fetc',
    '/v2.1/servers/{GUEST}/../{GUEST}',
  ],
];

/** The action of a server that is not there, in a form that is odd but well-formed. */
const BODIES: readonly (readonly [name: string, headers: readonly Header[], body: string | null, chunked?: boolean])[] =
  [
    ['in chunks', [JSON_TYPE], MIGRATE, true],
    ['no content type', [], MIGRATE],
    ['another content type', [['Content-Type', 'text/plain']], MIGRATE],
    ['a form', [['Content-Type', 'application/x-www-form-urlencoded']], 'os-migrateLive=1'],
    ['a vendor type', [['Content-Type', 'application/vnd.openstack.compute+json']], MIGRATE],
    ['a charset', [['Content-Type', 'application/json; charset=utf-16']], MIGRATE],
    ['two content types', [JSON_TYPE, ['Content-Type', 'text/plain']], MIGRATE],
    ['an encoding', [JSON_TYPE, ['Content-Encoding', 'gzip']], MIGRATE],
    ['no body but a length of 0', [JSON_TYPE, ['Content-Length', '0']], ''],
    ['no body and no length', [JSON_TYPE], null],
    ['100-continue', [JSON_TYPE, ['Expect', '100-continue']], MIGRATE],
    ['an expectation that is none', [JSON_TYPE, ['Expect', 'a miracle']], MIGRATE],
    ['a length with a plus', [JSON_TYPE, ['Content-Length', `+${MIGRATE.length}`]], MIGRATE],
    ['a length with zeros', [JSON_TYPE, ['Content-Length', `000${MIGRATE.length}`]], MIGRATE],
  ];

/** What HTTP forbids. Two servers could read these in two ways. */
const MALFORMED: readonly (readonly [name: string, raw: string])[] = [
  ['two Hosts', `GET ${LIST} HTTP/1.1\r\nHost: {HOST}\r\nHost: other\r\nX-Auth-Token: {TOKEN}\r\n\r\n`],
  ['no Host', `GET ${LIST} HTTP/1.1\r\nX-Auth-Token: {TOKEN}\r\nConnection: close\r\n\r\n`],
  ['length and chunks', smuggle(['Content-Length: 6', 'Transfer-Encoding: chunked'], '0\r\n\r\nX')],
  ['two lengths', smuggle(['Content-Length: 5', 'Content-Length: 6'], 'abcdef')],
  ['a list of lengths', smuggle(['Content-Length: 5, 6'], 'abcdef')],
  ['a length that is none', smuggle(['Content-Length: x'], 'abcdef')],
  ['a negative length', smuggle(['Content-Length: -1'], 'abcdef')],
  ['a coding that is none', smuggle(['Transfer-Encoding: xchunked'], '0\r\n\r\n')],
  ['two codings', smuggle(['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n')],
  ['a space before the colon', smuggle(['Transfer-Encoding : chunked'], '0\r\n\r\n')],
  ['a folded line', smuggle(['X-Folded: a', ' b', 'Content-Length: 0'], '')],
  ['a line without a colon', smuggle(['nothing', 'Content-Length: 0'], '')],
  ['a bare line feed', `GET ${LIST} HTTP/1.1\nHost: {HOST}\nX-Auth-Token: {TOKEN}\nConnection: close\n\n`],
  ['a chunk size that is none', smuggle(['Transfer-Encoding: chunked'], 'zz\r\nabc\r\n0\r\n\r\n')],
  ['a chunk longer than its size', smuggle(['Transfer-Encoding: chunked'], '1\r\nabc\r\n0\r\n\r\n')],
  ['HTTP/1.0', `GET ${LIST} HTTP/1.0\r\nHost: {HOST}\r\nX-Auth-Token: {TOKEN}\r\n\r\n`],
  ['HTTP/1.0 without Host', `GET ${LIST} HTTP/1.0\r\nX-Auth-Token: {TOKEN}\r\n\r\n`],
  ['HTTP/3.7', `GET ${LIST} HTTP/3.7\r\nHost: {HOST}\r\nX-Auth-Token: {TOKEN}\r\n\r\n`],
  ['no version', `GET ${LIST}\r\nHost: {HOST}\r\n\r\n`],
  [
    'absolute form',
    `GET http://{HOST}${LIST} HTTP/1.1\r\nHost: {HOST}\r\nX-Auth-Token: {TOKEN}\r\nConnection: close\r\n\r\n`,
  ],
  ['a target with a space', `GET /v2.1/servers x HTTP/1.1\r\nHost: {HOST}\r\nX-Auth-Token: {TOKEN}\r\n\r\n`],
  ['a target without a slash', `GET v2.1/servers HTTP/1.1\r\nHost: {HOST}\r\nX-Auth-Token: {TOKEN}\r\n\r\n`],
  [
    'a method in small letters',
    `get ${LIST} HTTP/1.1\r\nHost: {HOST}\r\nX-Auth-Token: {TOKEN}\r\nConnection: close\r\n\r\n`,
  ],
  ['CONNECT', 'CONNECT nova:443 HTTP/1.1\r\nHost: nova:443\r\n\r\n'],
  ['OPTIONS of all', `OPTIONS * HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n`],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
];

function smuggle(lines: readonly string[], body: string): string {
  const own = [`POST ${ACTION} HTTP/1.1`, 'Host: {HOST}', 'X-Auth-Token: {TOKEN}', 'Content-Type: application/json'];
  return `${[...own, ...lines, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`;
}

export function hostileRequests(): Request[] {
  const source = 'hostile';
  const read = (name: string, target: string, more: readonly Header[]): Request => {
    const headers = [...ordinary('2.93').slice(0, -1), ...more, ['Connection', 'close'] as const];
    return { source, name, method: 'GET', target, headers, body: null };
  };
  return [
    ...HEADERS.map(([name, more]) => read(name, LIST, more)),
    ...TARGETS.map((target) => read(`target ${target.slice(0, 60)}`, target, [])),
    ...BODIES.map(([name, more, body, chunked]): Request => {
      const headers = [...ordinary('2.93').slice(0, -1), ...more, ['Connection', 'close'] as const];
      return { source, name, method: 'POST', target: ACTION, headers, body, chunked: chunked ?? false };
    }),
    { source, name: 'a GET with a body', method: 'GET', target: LIST, headers: ordinary('2.93'), body: '{"a": 1}' },
    ...MALFORMED.map(([name, raw]): Request => {
      const method = /^[A-Za-z]+/.exec(raw)?.[0] ?? '';
      return { source: 'malformed', name, method, target: '', headers: [], body: null, raw };
    }),
  ];
}
