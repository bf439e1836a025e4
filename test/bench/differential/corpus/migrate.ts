import type { Request } from '../request.ts';
import { JSON_TYPE, ordinary } from './common.ts';

/** Servers and tokens for which Nova refuses, and with what. */
const REFUSED: readonly (readonly [name: string, server: string, token: string])[] = [
  ['a suspended server', '{SUSPENDED}', '{TOKEN}'],
  ['a server that is not there', '{NOBODY}', '{TOKEN}'],
  ['no valid token', '{GUEST}', 'gAAAAAnonsense'],
  ['a caller without the role', '{GUEST}', '{MEMBER_TOKEN}'],
  ['a caller of another project', '{GUEST}', '{STRANGER_TOKEN}'],
];

/** Body by microversion; Nova takes some of them in some versions only. */
const BODIES: readonly (readonly [name: string, members: string])[] = [
  ['auto', '"host": null, "block_migration": "auto"'],
  ['auto with a host', '"host": "{OTHER}", "block_migration": "auto"'],
  ['old', '"host": null, "block_migration": false, "disk_over_commit": false'],
  ['old with texts', '"host": "{OTHER}", "block_migration": "True", "disk_over_commit": "no"'],
  ['true', '"host": null, "block_migration": true'],
  ['forced', '"host": "{OTHER}", "block_migration": "auto", "force": true'],
  ['forced without a host', '"host": null, "block_migration": "auto", "force": true'],
];
const VERSIONS = [null, '2.1', '2.24', '2.25', '2.29', '2.30', '2.34', '2.67', '2.68', '2.93', 'latest', '2.104'];

/** For a server that could migrate: hosts to which it cannot, whatever the version. */
const WRONG: readonly (readonly [name: string, members: string])[] = [
  ['a host that is not there', '"host": "nowhere", "block_migration": "auto"'],
  ['a host that is not there, old', '"host": "nowhere", "block_migration": false, "disk_over_commit": false'],
  ['a host that is a number', '"host": 7, "block_migration": "auto"'],
  ['a host with a space', '"host": "compute 2", "block_migration": "auto"'],
  ['no host', '"block_migration": "auto"'],
  ['an empty host', '"host": "", "block_migration": "auto"'],
  ['a host of 256 letters', `"host": "${'h'.repeat(256)}", "block_migration": "auto"`],
  ['a word for block_migration', '"host": null, "block_migration": "maybe"'],
  ['a member too much', '"host": null, "block_migration": "auto", "lower": 5'],
];

/** Texts that are no live migration, or whose reading is in doubt. None of them may start one. */
const DOUBTFUL: readonly (readonly [name: string, body: string])[] = [
  ['two actions', '{"os-migrateLive": {"host": "nowhere", "block_migration": "auto"}, "nothing": null}'],
  ['the action twice', '{"os-migrateLive": {}, "os-migrateLive": {"host": "nowhere", "block_migration": "auto"}}'],
  ['the host twice', '{"os-migrateLive": {"host": null, "host": "nowhere", "block_migration": "auto"}}'],
  ['an escaped name', '{"os-migrate\\u004cive": {"host": "nowhere", "block_migration": "auto"}}'],
  ['another case', '{"OS-migrateLive": {"host": null, "block_migration": "auto"}}'],
  ['a list', '[{"os-migrateLive": {"host": null, "block_migration": "auto"}}]'],
  ['a text', '{"os-migrateLive": "now"}'],
  ['null', '{"os-migrateLive": null}'],
  ['no end', '{"os-migrateLive": {"host": "nowhere"'],
  ['something after the end', '{"os-migrateLive": {"host": "nowhere", "block_migration": "auto"}} x'],
  ['a byte order mark', '\xef\xbb\xbf{"os-migrateLive": {"host": "nowhere", "block_migration": "auto"}}'],
  ['no UTF-8', '{"os-migrateLive": {"host": "nowh\xffere", "block_migration": "auto"}}'],
  ['NaN', '{"os-migrateLive": {"host": NaN, "block_migration": "auto"}}'],
  ['deep nesting', `{"os-migrateLive": ${'['.repeat(500)}${']'.repeat(500)}}`],
  ['70,000 spaces', `{"os-migrateLive": {"host": "nowhere", ${' '.repeat(70_000)}"block_migration": "auto"}}`],
  ['120,000 spaces', `{"os-migrateLive": {"host": "nowhere", ${' '.repeat(120_000)}"block_migration": "auto"}}`],
  ['nothing', ''],
  ['spaces', '   '],
];

function action(name: string, server: string, token: string, version: string | null, body: string): Request {
  const headers = [...ordinary(version, token), JSON_TYPE];
  const target = `/v2.1/servers/${server}/action`;
  return { source: 'migrate', name: `${name}, ${version ?? 'no version'}`, method: 'POST', target, headers, body };
}

/** Live migrations that Nova refuses at once, in every form of the body and every kind of refusal. */
export function migrateRequests(): Request[] {
  const whole = (members: string) => `{"os-migrateLive": {${members}}}`;
  const refused = REFUSED.flatMap(([who, server, token]) =>
    BODIES.flatMap(([what, members]) =>
      VERSIONS.map((version) => action(`${who}, ${what}`, server, token, version, whole(members))),
    ),
  );
  const wrong = WRONG.flatMap(([what, members]) =>
    VERSIONS.map((version) => action(what, '{GUEST}', '{TOKEN}', version, whole(members))),
  );
  const doubtful = DOUBTFUL.flatMap(([what, body]) =>
    ['2.1', '2.93'].map((version) => action(what, '{GUEST}', '{TOKEN}', version, body)),
  );
  return [...refused, ...wrong, ...doubtful];
}
