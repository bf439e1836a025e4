/** The thread that has the journal's file open. It alone waits for the disk: the bot goes on meanwhile. */
import { parentPort, workerData } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';

export interface Query {
  id: number;
  sql: string;
  parameters: readonly unknown[];
}

export type Answer =
  | { id: number; rows: unknown[]; changes: number; lastInsertRowid: number }
  | { id: number; error: { message: string; code: string } };

/** A lock of somebody else's (a backup) is waited for no longer: Slack wants its answer. */
const LOCK_WAIT_MS = 1000;

function open(file: string): Sqlite.Database {
  const database = new Sqlite(file, { timeout: LOCK_WAIT_MS });
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = NORMAL');
  return database;
}

function answerOf(database: Sqlite.Database, { id, sql, parameters }: Query): Answer {
  try {
    const statement = database.prepare(sql);
    if (statement.reader) return { id, rows: statement.all(...parameters), changes: 0, lastInsertRowid: 0 };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { id, rows: [], changes, lastInsertRowid: Number(lastInsertRowid) };
  } catch (error) {
    const { message, code = '' } = error as Error & { code?: string };
    return { id, error: { message, code } };
  }
}

const { file } = workerData as { file: string };
const database = open(file);
parentPort?.on('message', (query: Query | 'close') => {
  if (query === 'close') {
    database.close();
    parentPort?.close();
  } else parentPort?.postMessage(answerOf(database, query));
});
parentPort?.postMessage('open');
