import { accessSync, constants, existsSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { listens } from '../../api/listens.ts';
import type { Config } from '../../config.ts';
import { describeError } from '../../errors.ts';
import { formatPolicyError, parsePolicyFiles } from '../../policy/load.ts';
import { policyWarnings } from '../../policy/warnings.ts';
import { readPolicyFiles } from '../../policy/watch.ts';
import type { DatabaseFacts, PasswordFacts, PlaceFacts, PolicyFacts } from '../judge/local.ts';

export function probePassword(file: string): { facts: PasswordFacts; password: string } {
  try {
    const password = readFileSync(file, 'utf8').trim();
    const open = (statSync(file).mode & 0o004) !== 0;
    return { facts: { file, error: null, empty: password === '', open }, password };
  } catch (error) {
    return { facts: { file, error: describeError(error), empty: false, open: false }, password: '' };
  }
}

/** Takes SQLite's lock for writing and gives it back, or writes and removes a file where there is no database yet. */
export function probeDatabase(file: string): DatabaseFacts {
  const exists = existsSync(file);
  try {
    if (exists) tryLock(file);
    else tryWrite(dirname(file));
    const { bavail, bsize } = statfsSync(dirname(file));
    return { name: file, exists, error: null, freeBytes: bavail * bsize };
  } catch (error) {
    return { name: file, exists, error: describeError(error), freeBytes: null };
  }
}

const BUSY_MS = 5000;

function tryLock(file: string): void {
  const sqlite = new Database(file, { fileMustExist: true, timeout: BUSY_MS });
  try {
    sqlite.exec('BEGIN IMMEDIATE; ROLLBACK');
  } finally {
    sqlite.close();
  }
}

function tryWrite(folder: string): void {
  const file = join(folder, `.drover-check-${process.pid}`);
  writeFileSync(file, 'x', { flag: 'wx' });
  rmSync(file);
}

export async function probePolicy(paths: Config['policy']): Promise<PolicyFacts> {
  const read = await readPolicyFiles([paths].flat());
  const parsed = 'errors' in read ? read : parsePolicyFiles(read.files);
  return 'errors' in parsed
    ? { id: null, errors: parsed.errors.map(formatPolicyError), warnings: [] }
    : { id: parsed.policy.id, errors: [], warnings: policyWarnings(parsed.policy) };
}

export async function probePlace({ controlSocket, listen }: Config): Promise<PlaceFacts> {
  const running = await listens(controlSocket);
  const { address, port } = listen;
  return {
    running,
    controlSocket,
    socketError: running ? null : folderError(dirname(controlSocket)),
    listen: `${address.includes(':') ? `[${address}]` : address}:${port}`,
    listenError: running ? null : await listenError(address, port),
  };
}

/** The plugin makes a folder that is missing, in the nearest one that is there. */
function folderError(folder: string): string | null {
  let present = folder;
  while (!existsSync(present)) present = dirname(present);
  try {
    accessSync(present, constants.W_OK);
    return null;
  } catch (error) {
    return describeError(error);
  }
}

function listenError(address: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(error.message));
    server.listen(port, address, () => server.close(() => resolve(null)));
  });
}
