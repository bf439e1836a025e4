import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readConfig } from '../../../plugin/config.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const MARIADB = { database: 'mysql://drover@10.0.0.5/drover', databasePasswordFile: 'db-password' };
const REPLICA = { name: 'control-1', advertise: 'http://10.0.0.1:8775' };

function read(change: object) {
  const file = join(folder, 'plugin.yaml');
  const base = {
    listen: { address: '127.0.0.1', port: 0 },
    nova: { url: 'http://127.0.0.1:1' },
    keystone: { authUrl: 'http://127.0.0.1:1', username: 'drover', passwordFile: 'password', projectName: 'service' },
    policy: 'policy.yaml',
    database: 'drover.db',
    hostd: { ca: 'ca', cert: 'cert', key: 'key', hosts: [] },
  };
  writeFileSync(file, stringify({ ...base, ...change }));
  return readConfig(file);
}

describe('configuration of replicas', () => {
  it('takes MariaDB with a password file and a name of the replica, and a file without either', () => {
    expect(read({ ...MARIADB, replica: { ...REPLICA, ca: 'replicas.crt' } })).toMatchObject({
      database: MARIADB.database,
      databasePasswordFile: join(folder, 'db-password'),
      replica: { ...REPLICA, ca: join(folder, 'replicas.crt') },
    });
    expect(read({})).toMatchObject({ database: join(folder, 'drover.db') });
  });

  it.each([
    [{ ...MARIADB }, /replica: several may work on this database: set name and advertise/],
    [{ database: MARIADB.database, replica: REPLICA }, /databasePasswordFile: name the file with the password/],
    [
      { ...MARIADB, database: 'mysql://drover:x@10.0.0.5/drover', replica: REPLICA },
      /database: no password belongs here/,
    ],
    [
      { ...MARIADB, database: 'postgres://10.0.0.5/drover', replica: REPLICA },
      /database: write the path of a file, or mysql/,
    ],
    [{ replica: REPLICA }, /replica: replicas need one MariaDB/],
    [{ databasePasswordFile: 'x' }, /databasePasswordFile: a file has no password/],
    [{ ...MARIADB, replica: { ...REPLICA, name: 'a b' } }, /replica\.name: letters, digits/],
    [{ ...MARIADB, replica: { ...REPLICA, advertise: '10.0.0.1:8775' } }, /replica\.advertise/],
  ])('refuses %j and says what to write', (change, problem) => {
    expect(() => read(change)).toThrow(problem);
  });
});
