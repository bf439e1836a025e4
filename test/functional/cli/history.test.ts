import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { locateHistory } from '../../../plugin/cli/history.ts';
import { readHistory } from '../../../plugin/controller/store/history.ts';
import { compileCache } from '../../compiled.ts';
import { makePki } from '../../lab/pki.ts';
import { MariadbServer, PASSWORD } from '../../mariadb/server.ts';
import { recordDecisions } from './recorded.ts';

const CLI = join(import.meta.dirname, '../../../plugin/cli.ts');
const SEED = join(import.meta.dirname, '../../../policies/seed.yaml');
const READER = 'reader';

let folder: string;
let mariadb: MariadbServer;
let url: string;
let database: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-history-'));
  await makePki(at('tls'), { hosts: [{ name: 'mariadb', address: '127.0.0.1' }], clients: [] });
  mariadb = await MariadbServer.start({ cert: at('tls/mariadb.crt'), key: at('tls/mariadb.key') });
  const address = await mariadb.createDatabase();
  ({ database } = address);
  await recordDecisions(address, 3);
  // It may look, and nothing else.
  await mariadb.sql(`GRANT SELECT ON ${database}.* TO ${READER}@'%' IDENTIFIED BY '${PASSWORD}'`);
  url = `mysql://${READER}@127.0.0.1:${mariadb.port}/${database}`;
  writeFileSync(at('password'), `${PASSWORD}\n`);
});
afterAll(async () => {
  await mariadb?.stop();
  rmSync(folder, { recursive: true });
});

const byUrl = (change: object = {}) =>
  readHistory(
    locateHistory({ history: url, historyPasswordFile: at('password'), historyCa: at('tls/ca.crt'), ...change }),
  );

/** A configuration as replicas have it. */
function configuration(): string {
  const tls = { ca: 'tls/ca.crt', cert: 'tls/mariadb.crt', key: 'tls/mariadb.key' };
  const config = {
    listen: { address: '127.0.0.1', port: 8775 },
    nova: { url: 'http://127.0.0.1:8774' },
    keystone: { authUrl: 'http://127.0.0.1:5000/v3', username: 'd', passwordFile: 'none', projectName: 'service' },
    policy: 'policy.yaml',
    database: url,
    databasePasswordFile: 'password',
    databaseCa: 'tls/ca.crt',
    replica: { name: 'a', advertise: 'http://127.0.0.1:8775' },
    hostd: { ...tls, hosts: [] },
  };
  writeFileSync(at('plugin.yaml'), stringify(config));
  return at('plugin.yaml');
}

describe('drover policy diff of replicas that keep their history in MariaDB', () => {
  it('reads it where the configuration of the plugin says, with the right to SELECT alone', async () => {
    const changed = at('new.yaml');
    const seed = readFileSync(SEED, 'utf8');
    writeFileSync(
      changed,
      seed.replace('priority: high, technique: hybrid-copy', 'priority: high, technique: post-copy'),
    );
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [CLI, 'policy', 'diff', SEED, changed, '--history', configuration()],
      { env: compileCache() },
    );
    expect(stdout).toMatch(/│ 1 .*│ compute-1 │ compute-2 │ technique hybrid-copy → post-copy/);
    expect(stdout).toMatch(/2 of 2 recorded decisions would differ/);
    expect(stdout).toContain('1 were recorded without what they were decided from');
  });

  it('reads it from an address, by TLS', async () => {
    const rows = await byUrl();
    expect(rows.map(({ id, vmName, facts }) => [id, vmName, facts !== null])).toEqual([
      [1, 'vm-1', true],
      [2, 'vm-2', true],
      [3, 'vm-3', false],
    ]);
    await expect(byUrl({ historyCa: undefined })).rejects.toThrow(/secure transport|denied/);
  });

  it('reads one of any length, in the order of its decisions', async () => {
    const columns = (await mariadb.sql(`SHOW COLUMNS FROM ${database}.migration`))
      .split('\n')
      .flatMap((line) => line.split('\t')[0] || [])
      .filter((name) => name !== 'id')
      .join(', ');
    await mariadb.sql(`CREATE DATABASE long_one; CREATE TABLE long_one.migration LIKE ${database}.migration;
      INSERT INTO long_one.migration (${columns}) SELECT ${columns} FROM ${database}.migration CROSS JOIN ${database}.seq_1_to_167;
      GRANT SELECT ON long_one.* TO ${READER}@'%'`);
    const rows = await byUrl({ history: url.replace(database, 'long_one') });
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 501 }, (_, index) => index + 1));
  });

  it('writes nothing, whatever its account may do', async () => {
    await mariadb.sql(`CREATE DATABASE old; CREATE TABLE old.migration LIKE ${database}.migration;
      ALTER TABLE old.migration DROP COLUMN facts; GRANT ALL ON old.* TO ${READER}@'%'`);
    const before = await mariadb.sql('SHOW CREATE TABLE old.migration; SHOW TABLES FROM old');
    expect(await byUrl({ history: url.replace(database, 'old') })).toEqual([]);
    expect(await mariadb.sql('SHOW CREATE TABLE old.migration; SHOW TABLES FROM old')).toBe(before);
  });

  it('says what is wrong with the address, the password or the database', async () => {
    writeFileSync(at('wrong'), 'wrong');
    await expect(byUrl({ historyPasswordFile: at('wrong') })).rejects.toThrow(
      new RegExp(`database mysql://${READER}@127.0.0.1:\\d+/${database}: .*denied`),
    );
    await mariadb.sql(`CREATE DATABASE empty_one; GRANT SELECT ON empty_one.* TO ${READER}@'%'`);
    await expect(byUrl({ history: url.replace(database, 'empty_one') })).rejects.toThrow('no table of migrations');
    expect(() => locateHistory({ history: url.replace('@', ':secret@') })).toThrow(
      '--history: no password belongs here: put it in a file and name that as --history-password-file',
    );
    expect(() => locateHistory({ history: 'drover.db', historyCa: 'ca.crt' })).toThrow('belong to --history mysql://');
  });
});
