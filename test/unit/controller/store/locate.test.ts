import { describe, expect, it } from 'vitest';
import { describeDatabase } from '../../../../plugin/controller/store/address.ts';
import { databaseProblem, locateDatabase } from '../../../../plugin/controller/store/locate.ts';

describe('locateDatabase', () => {
  it.each([
    ['/var/lib/drover/drover.db', { kind: 'sqlite', file: '/var/lib/drover/drover.db' }],
    ['mysql://drover@10.0.0.5/drover', { user: 'drover', database: 'drover', at: { host: '10.0.0.5', port: 3306 } }],
    ['mysql://drover@[fd00::5]:3307/drover', { at: { host: 'fd00::5', port: 3307 } }],
    ['mysql://d%40x@db/a%20b', { user: 'd@x', database: 'a b', at: { host: 'db', port: 3306 } }],
    [
      'mysql://drover@localhost/drover?socket=/run/mysqld/mysqld.sock',
      { at: { socketPath: '/run/mysqld/mysqld.sock' } },
    ],
  ])('understands %s', (database, expected) => {
    expect(databaseProblem(database)).toBeNull();
    expect(locateDatabase({ database })).toMatchObject(expected);
  });

  it.each([
    ['postgres://drover@db/drover', /write the path of a file, or mysql:/],
    ['mysql://drover:secret@db/drover', /no password belongs here: put it in a file/],
    ['mysql://db/drover', /names no user/],
    ['mysql://drover@db', /names no database/],
    ['mysql://drover@db/drover/more', /names no database/],
    ['mysql://drover@db/drover?ssl=1', /ssl: only \?socket=PATH/],
  ])('refuses %s and says what to write', (database, problem) => {
    expect(databaseProblem(database)).toMatch(problem);
    expect(() => locateDatabase({ database })).toThrow(problem);
  });

  it('names a password file that cannot be read', () => {
    const config = { database: 'mysql://drover@db/drover', databasePasswordFile: '/nowhere/password' };
    expect(() => locateDatabase(config)).toThrow(/databasePasswordFile: ENOENT.*\/nowhere\/password/);
  });

  it('shows a database without its password', () => {
    const address = locateDatabase({ database: 'mysql://drover@db:3307/drover' });
    expect(describeDatabase({ ...address, password: 'secret' } as typeof address)).toBe(
      'mysql://drover@db:3307/drover',
    );
  });
});
