import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { Answer, Query } from './thread.ts';

/** SQLite in a thread of its own, for Kysely: what is asked waits for the disk, and nothing else does. */
export class ThreadDialect implements Dialect {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  createDriver(): Driver {
    return new ThreadDriver(this.#file);
  }

  createQueryCompiler(): SqliteQueryCompiler {
    return new SqliteQueryCompiler();
  }

  /** Says that there is one connection, which Kysely lends to one after the other. */
  createAdapter(): SqliteAdapter {
    return new SqliteAdapter();
  }

  createIntrospector(db: Kysely<unknown>): SqliteIntrospector {
    return new SqliteIntrospector(db);
  }
}

class ThreadDriver implements Driver {
  readonly #file: string;
  #connection: ThreadConnection | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  /** @throws Error if the file cannot be opened or is no database */
  async init(): Promise<void> {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: { file: this.#file } });
    await once(worker, 'message');
    this.#connection = new ThreadConnection(worker);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (!this.#connection) throw new Error('the journal is not open');
    return this.#connection;
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    // Whether somebody else writes is known before anything is read.
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    await this.#connection?.close();
  }
}

interface Waiting {
  resolve: (result: QueryResult<never>) => void;
  reject: (error: Error) => void;
}

class ThreadConnection implements DatabaseConnection {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #count = 0;
  #fault: Error | null = null;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (answer: Answer) => this.#answered(answer));
    worker.on('error', (error) => this.#ended(error as Error));
    worker.on('exit', () => this.#ended(new Error('the journal is closed')));
  }

  executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#fault) return Promise.reject(this.#fault);
    this.#count += 1;
    const query: Query = { id: this.#count, sql, parameters };
    return new Promise((resolve, reject) => {
      this.#waiting.set(query.id, { resolve, reject });
      this.#worker.postMessage(query);
    });
  }

  // biome-ignore lint/correctness/useYield: Kysely wants a generator, and nobody streams here
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('the journal streams nothing');
  }

  async close(): Promise<void> {
    if (this.#fault) return;
    const exit = once(this.#worker, 'exit');
    this.#worker.postMessage('close');
    await exit;
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('error' in answer) {
      const { message, code } = answer.error;
      waiting?.reject(Object.assign(new Error(message), { code }));
      return;
    }
    const { rows, changes, lastInsertRowid } = answer;
    const counts = { numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    waiting?.resolve({ rows: rows as never[], ...counts });
  }

  #ended(fault: Error): void {
    this.#fault ??= fault;
    for (const { reject } of this.#waiting.values()) reject(this.#fault);
    this.#waiting.clear();
  }
}
