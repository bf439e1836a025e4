import { readFileSync } from 'node:fs';
import { DroverError, describeError } from '../../errors.ts';
import type { DatabaseAddress } from './address.ts';

/** How the configuration names a database. */
export interface DatabaseConfig {
  /** A file, or `mysql://USER@HOST[:PORT]/DATABASE`, or `mysql://USER@localhost/DATABASE?socket=PATH`. */
  database: string;
  databasePasswordFile?: string | undefined;
  databaseCa?: string | undefined;
}

const DEFAULT_PORT = 3306;

/** What is wrong with the text of a database, null if nothing is. Pure. */
export function databaseProblem(text: string): string | null {
  if (!isUrl(text)) return null;
  const url = URL.parse(text);
  if (url?.protocol !== 'mysql:') {
    return 'write the path of a file, or mysql://USER@HOST:PORT/DATABASE for MariaDB';
  }
  if (url.password !== '') return 'no password belongs here: put it in a file and name that as databasePasswordFile';
  if (url.username === '') return 'it names no user: mysql://USER@HOST:PORT/DATABASE';
  if (!/^\/[^/]+$/.test(url.pathname)) return 'it names no database: mysql://USER@HOST:PORT/DATABASE';
  const unknown = [...url.searchParams.keys()].filter((name) => name !== 'socket');
  if (unknown.length > 0) return `${unknown.join(', ')}: only ?socket=PATH is understood`;
  if (url.hostname === '' && !url.searchParams.has('socket'))
    return 'it names no host: mysql://USER@HOST:PORT/DATABASE';
  return null;
}

export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/**
 * Where the configured database is, with its password.
 *
 * @throws DroverError `config-invalid` if a file that it names cannot be read.
 */
export function locateDatabase({ database, databasePasswordFile, databaseCa }: DatabaseConfig): DatabaseAddress {
  if (!isUrl(database)) return { kind: 'sqlite', file: database };
  const problem = databaseProblem(database);
  if (problem !== null) throw new DroverError('config-invalid', `database: ${problem}`);
  const url = new URL(database);
  const socketPath = url.searchParams.get('socket');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    kind: 'mariadb',
    user: decodeURIComponent(url.username),
    password: databasePasswordFile === undefined ? '' : read('databasePasswordFile', databasePasswordFile).trim(),
    database: decodeURIComponent(url.pathname.slice(1)),
    at: socketPath === null ? { host, port: url.port === '' ? DEFAULT_PORT : Number(url.port) } : { socketPath },
    ca: databaseCa === undefined ? null : read('databaseCa', databaseCa),
  };
}

function read(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new DroverError('config-invalid', `${key}: ${describeError(error)}`, { cause: error });
  }
}
