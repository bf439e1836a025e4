import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProxyError } from '../../../plugin/proxy/errors.ts';
import { parseRequestHead } from '../../../plugin/proxy/http/request.ts';
import { actionTarget, type LiveMigrateAction, liveMigrateAction } from '../../../plugin/proxy/intercept.ts';
import { type NovaReading, novaReads } from './nova-reading.ts';

const VM = '1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';

/** What the proxy makes of it: refused, passed on unread (null), or a live migration. */
function droverReads(head: string, body: Buffer): LiveMigrateAction | 'refused' | null {
  try {
    const { method, target, fields } = parseRequestHead(head, 100);
    const action = actionTarget(method, target, fields.raw);
    return action && liveMigrateAction(action, body);
  } catch (error) {
    if (error instanceof ProxyError) return 'refused';
    throw error;
  }
}

const weighted = <T>(usual: T[], odd: T[], weight = 4) =>
  fc.oneof({ weight, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) });

const encoded = (text: string) =>
  fc
    .array(fc.nat({ max: 9 }), { minLength: text.length, maxLength: text.length })
    .map((dice) =>
      [...text]
        .map((char, i) => (dice[i] === 0 ? `%${char.charCodeAt(0).toString(16).padStart(2, '0')}` : char))
        .join(''),
    );
const slash = weighted(['/'], ['//', '%2F', '/./', '/%2e/', '/x/../', '/;/'], 12);
const prefix = weighted(
  ['/v2.1', '/v2'],
  ['', '/compute/v2.1', '/v3', 'http://h/v2.1', '/v2.1/0ab', '/v2/0-9', '/%76%32', '/V2.1'],
);
const path = fc
  .tuple(
    prefix,
    slash,
    encoded('servers'),
    slash,
    weighted([VM, VM.toUpperCase()], [`{${VM}}`, VM.replaceAll('-', ''), 'x']),
    slash,
    encoded('action'),
    weighted([''], ['/', '?a=b', '%3Fa', '.json', ';x', '%00', '//']),
  )
  .map((parts) => parts.join(''));

const field = fc.oneof(
  fc.tuple(
    weighted(['Content-Type'], ['content-type', 'Content_Type']),
    weighted(
      ['application/json', 'application/json; charset=UTF-8'],
      [
        'text/plain',
        '',
        'application/vnd.openstack.compute+json',
        'application/xml',
        'application/json;version=2',
        'APPLICATION/JSON',
        '\xa0application/json',
      ],
    ),
  ),
  fc.tuple(
    weighted(['OpenStack-API-Version'], ['openstack-api-version', 'OpenStack_API_Version']),
    weighted(
      ['compute 2.93', 'compute 2.1', 'compute latest', 'compute 2.30'],
      [
        'compute\x852.1',
        'compute\xa02.93',
        'compute 2.1, compute 2.93',
        'volume 3.0',
        'compute',
        'compute\t2.25',
        'COMPUTE 2.60',
        'compute 2.93 ,',
        'compute 02.93',
        ',compute 2.25',
      ],
    ),
  ),
  fc.tuple(
    weighted(['X-OpenStack-Nova-API-Version'], ['X_OpenStack_Nova_API_Version']),
    weighted(['2.93', '2.1', '2.25'], ['latest', '2.1,2.93', '', '\x852.93', '2.93\xa0', 'two']),
  ),
  fc.tuple(fc.constant('X-Auth-Token'), fc.constantFrom('a', 'b')),
  fc.tuple(fc.constant('Content-Encoding'), fc.constantFrom('gzip', 'identity')),
  fc.tuple(
    fc.constant('Accept'),
    weighted(['application/json', '*/*'], ['application/json;version=2', 'application/json; version=2.1']),
  ),
);

const member = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      '"host": null',
      '"host": "c1"',
      '"block_migration": "auto"',
      '"block_migration": false',
      '"block_migration": "True"',
      '"disk_over_commit": false',
      '"force": false',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '"\\u0068ost": "c2"',
      '"host": NaN',
      '"host": "c1\\n"',
      '"host": ""',
      '"host": 1',
      '"block_migration": 1',
      '"block_migration": "maybe"',
      '"disk_over_commit": "auto"',
      '"force": "on"',
      '"more": -Infinity',
      '"__proto__": {}',
      '"host": "c\u00e9"',
    ),
  },
);
const usual = fc.constantFrom(
  '{"host": null, "block_migration": "auto"}',
  '{"host": "c1", "block_migration": false, "disk_over_commit": false}',
  '{"host": "c1", "block_migration": "auto", "force": true}',
);
const inner = fc.oneof(
  { weight: 3, arbitrary: usual },
  { weight: 3, arbitrary: fc.array(member, { maxLength: 5 }).map((members) => `{${members.join(', ')}}`) },
  { weight: 1, arbitrary: fc.constantFrom('null', '[]', 'NaN', '{}') },
);
const key = weighted(
  ['"os-migrateLive"'],
  ['"os\\u002dmigrateLive"', '"os-migratelive"', '"reboot"', '"OS-migrateLive"'],
  8,
);
const outer = fc
  .array(fc.tuple(key, inner), { minLength: 1, maxLength: 2 })
  .map((pairs) => `{${pairs.map(([name, value]) => `${name}: ${value}`).join(',')}}`);
const body = fc
  .tuple(outer, fc.constantFrom(...Array(12).fill('utf8'), 'utf16le', 'bom', 'tail', 'spaces', 'broken'))
  .map(([text, form]) => {
    if (form === 'utf16le') return Buffer.from(text, 'utf16le');
    if (form === 'bom') return Buffer.from(`\ufeff${text}`);
    if (form === 'tail') return Buffer.from(`${text} x`);
    if (form === 'spaces') return Buffer.from(`\n\t ${text}\r\n`);
    if (form === 'broken')
      return Buffer.concat([Buffer.from(text.slice(0, 10)), Buffer.from([0xff]), Buffer.from(text.slice(10))]);
    return Buffer.from(text);
  });
const method = weighted(['POST'], ['post', 'PUT', 'Post'], 20);

test('nothing that Nova would read as a live migration passes unseen or is seen as another one', () => {
  let read = 0;
  let refused = 0;
  fc.assert(
    fc.property(method, path, fc.array(field, { maxLength: 4 }), body, (verb, target, fields, bytes) => {
      const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      const drover = droverReads(
        `${verb} ${target} HTTP/1.1\r\nHost: h\r\n${lines}Content-Length: ${bytes.length}\r\n`,
        bytes,
      );
      if (drover === 'refused') refused += 1;
      for (const server of ['eventlet', 'uwsgi'] as const) {
        const nova: NovaReading | null = novaReads({ method: verb, target, raw: fields.flat(), body: bytes }, server);
        if (nova === null) continue;
        read += 1;
        if (drover !== 'refused') expect({ server, drover }).toEqual({ server, drover: nova });
      }
    }),
    { numRuns: 30_000 },
  );
  // Both happen often enough to mean something.
  expect(read).toBeGreaterThan(1000);
  expect(refused).toBeGreaterThan(300);
});
