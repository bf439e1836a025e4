import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

/** A lock of somebody else's is waited for no longer: meanwhile the process stands still, and Nova's clients with it. */
const LOCK_WAIT_MS = 200;
/** After these the connection is of no use, though the file may be put right again. */
const BROKEN = /^SQLITE_(CORRUPT|NOTADB|IOERR|CANTOPEN|READONLY)/;

const NOTHING_TO_UNDO: SqliteStatement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [].values(),
};

/**
 * One connection to an SQLite file that heals: it is opened again after an error that a repaired file would not give,
 * and a file that somebody removed is written anew from what is still open. What is committed is on disk
 * (`synchronous=FULL`): it survives kill -9 and power loss.
 */
export class SqliteConnection implements SqliteDatabase {
  readonly #file: string;
  #database: Database.Database;
  #inode: number;
  #broken = false;

  /** @throws Error if the file cannot be opened or is no database. */
  constructor(file: string) {
    this.#file = file;
    this.#database = open(file);
    this.#inode = statSync(file).ino;
  }

  close(): void {
    this.#database.close();
  }

  prepare(sql: string): SqliteStatement {
    return this.#watched(() => {
      // Never within a transaction: its other half would be another file's.
      if (!this.#database.inTransaction) {
        // SQLite has undone it by itself, as it does when the disk is full: that is the error to hear of.
        if (sql === 'rollback') return NOTHING_TO_UNDO;
        this.#heal();
      }
      const statement = this.#database.prepare(sql);
      return {
        reader: statement.reader,
        all: (parameters) => this.#watched(() => statement.all(...parameters)),
        run: (parameters) => this.#watched(() => statement.run(...parameters)),
        iterate: (parameters) => statement.iterate(...parameters) as IterableIterator<unknown>,
      };
    });
  }

  #watched<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof Database.SqliteError && BROKEN.test(error.code)) this.#broken = true;
      throw error;
    }
  }

  #heal(): void {
    const inode = inodeOf(this.#file);
    if (inode === null && !this.#broken) this.#writeAnew();
    else if (inode !== null && inode !== this.#inode && !this.#broken) {
      throw new Error(
        `${this.#file} is another file than the one that is open: put that one back, or restart drover-plugin`,
      );
    } else if (this.#broken) this.#openAgain();
  }

  #openAgain(): void {
    // A file that is gone must not come back empty: what waits in it would be forgotten.
    if (!existsSync(this.#file)) throw new Error(`${this.#file} is gone: put it back, or restart drover-plugin`);
    const database = open(this.#file);
    this.#database.close();
    this.#database = database;
    this.#inode = statSync(this.#file).ino;
    this.#broken = false;
  }

  /** The file has been removed; its content can still be read through the open one. */
  #writeAnew(): void {
    const copy = `${this.#file}.new`;
    rmSync(copy, { force: true });
    this.#database.prepare('VACUUM INTO ?').run(copy);
    this.#database.close();
    for (const rest of ['-wal', '-shm']) rmSync(`${this.#file}${rest}`, { force: true });
    renameSync(copy, this.#file);
    this.#database = open(this.#file);
    this.#inode = statSync(this.#file).ino;
  }
}

function open(file: string): Database.Database {
  const database = new Database(file, { timeout: LOCK_WAIT_MS });
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function inodeOf(file: string): number | null {
  try {
    return statSync(file).ino;
  } catch {
    return null;
  }
}
