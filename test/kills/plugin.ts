import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import axios from 'axios';
import { stringify } from 'yaml';
import { z } from 'zod';
import { Health } from '../../hostd/contract.ts';
import { MigrationRecord } from '../../plugin/contract.ts';
import type { CloudAddresses } from '../cloud/cloud.ts';
import { shippedPolicy } from '../lab/drover.ts';
import { changedPolicy, type PolicyChange } from '../lab/policy.ts';
import { putPolicy } from '../policy-file.ts';

const MAIN = resolve(import.meta.dirname, '../../plugin/main.ts');
/** Of a busy machine. */
const START_WITHIN_MS = 300_000;

export interface LogLine {
  level: number;
  msg: string;
  [field: string]: unknown;
}

export interface SharedDatabase {
  /** Of the replica. */
  name: string;
  /** A `mysql://` URL. */
  database: string;
  password: string;
  /** Files: of the CA of the database and of the replicas, and the certificate that this one shows. */
  tls?: { ca: string; own: { cert: string; key: string } };
}

/** The real plugin as a process, before a cloud double, with a real database; started again as often as it is killed. */
export class PluginProcess {
  readonly folder: string;
  /** May be set before `prepare`. */
  database: string;
  port = 0;
  /** Every line of its log that is a warning or worse, and those a test may want to count; of all starts. */
  readonly log: LogLine[] = [];
  readonly listeners = new Set<(line: LogLine) => void>();
  readonly #cloud: CloudAddresses;
  readonly #socket: string;
  #child: ChildProcess | null = null;

  constructor(folder: string, cloud: CloudAddresses) {
    this.folder = folder;
    this.database = join(folder, 'drover.db');
    this.#socket = join(folder, 'control.sock');
    this.#cloud = cloud;
    mkdirSync(folder, { recursive: true });
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Writes its configuration, with the seed policy but for its batch window and who chooses destinations. With `shared` it
   * is a replica of that name on this database.
   */
  async prepare(
    batchWindow = '60 ms',
    shared?: SharedDatabase,
    destination: PolicyChange['destination'] = 'keep',
  ): Promise<void> {
    this.port = await freePort();
    const { tlsDir, hosts, keystoneUrl, novaUrl } = this.#cloud;
    const tls = (name: string) => join(tlsDir, name);
    writeFileSync(join(this.folder, 'password'), 'secret');
    const policy = changedPolicy(shippedPolicy('seed.yaml'), { batchWindow, destination });
    putPolicy(join(this.folder, 'policy.yaml'), policy);
    writeFileSync(
      join(this.folder, 'plugin.yaml'),
      stringify({
        listen: { address: '127.0.0.1', port: this.port, ...(shared?.tls ? { tls: shared.tls.own } : {}) },
        nova: { url: novaUrl },
        keystone: { authUrl: keystoneUrl, username: 'drover', passwordFile: 'password', projectName: 'service' },
        policy: 'policy.yaml',
        ...(shared ? this.#replica(shared) : { database: this.database }),
        controlSocket: this.#socket,
        hostd: { ca: tls('ca.crt'), cert: tls('plugin.crt'), key: tls('plugin.key'), hosts },
      }),
    );
  }

  #replica({ name, database, password, tls }: SharedDatabase): object {
    writeFileSync(join(this.folder, 'database-password'), password);
    const advertise = `${tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
    const replica = { name, advertise, ...(tls ? { ca: tls.ca } : {}) };
    return { database, databasePasswordFile: 'database-password', ...(tls ? { databaseCa: tls.ca } : {}), replica };
  }

  /** Starts it and does not wait; `ready` does. `before`: a program and its arguments that start it. */
  spawn(before: readonly string[] = []): void {
    const [program = '', ...args] = [...before, process.execPath, MAIN, '--config', join(this.folder, 'plugin.yaml')];
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      // Its modules are compiled once, not at each of a thousand starts.
      env: { ...process.env, NODE_COMPILE_CACHE: join(this.folder, 'compiled') },
    });
    this.#child = child;
    const last = () => child.kill('SIGKILL');
    process.once('exit', last);
    child.once('exit', () => process.off('exit', last));
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#read(line));
  }

  /** Resolves with false if it ended before it was ready. */
  ready(): Promise<boolean> {
    return new Promise((done, failed) => {
      const child = this.#child;
      if (!child || !this.running) return done(false);
      const late = `the plugin is not ready after ${START_WITHIN_MS / 1000} s`;
      const timer = setTimeout(() => failed(new Error(late)), START_WITHIN_MS);
      const listener = (line: LogLine) => {
        if (line.msg === 'drover stands before Nova') end(true);
      };
      const end = (ready: boolean) => {
        clearTimeout(timer);
        this.listeners.delete(listener);
        done(ready);
      };
      this.listeners.add(listener);
      child.once('exit', () => end(false));
    });
  }

  kill(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT' = 'SIGKILL'): void {
    if (this.running) this.#child?.kill(signal);
  }

  /** Resolves when it is gone and what it wrote has been read. */
  async ended(): Promise<{ code: number | null; signal: string | null }> {
    const child = this.#child;
    if (!child) return { code: null, signal: null };
    // Its output may have been read to the end before the process is known to have ended.
    if (this.running || !child.stdout?.closed) await new Promise((done) => child.once('close', done));
    return { code: child.exitCode, signal: child.signalCode };
  }

  unfinished(): Promise<MigrationRecord[]> {
    return this.#control('/v1/migrations', z.array(MigrationRecord));
  }

  /** The newest, newest first. */
  newest(): Promise<MigrationRecord[]> {
    return this.#control('/v1/migrations?all=1', z.array(MigrationRecord));
  }

  health(): Promise<Health> {
    return this.#control('/healthz', Health);
  }

  /** Does a line of its log with this text, in its message or any field, exist? */
  said(text: string): boolean {
    return this.log.some((line) => JSON.stringify(line).includes(text));
  }

  async #control<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const options = { socketPath: this.#socket, proxy: false as const, timeout: 5000 };
    return schema.parse((await axios.get(`http://control${path}`, options)).data);
  }

  #read(text: string): void {
    try {
      const line = JSON.parse(text) as LogLine;
      this.log.push(line);
      for (const listener of this.listeners) listener(line);
    } catch {
      // The last line of one that was killed while it wrote.
    }
  }
}

/**
 * Below those that the kernel gives to connections (ip_local_port_range, from 32768): it must be free at each start, not
 * only at the first.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const free = await new Promise<boolean>((done) => {
      server.once('error', () => done(false));
      server.listen(port, '127.0.0.1', () => done(true));
    });
    if (!free) continue;
    await new Promise((done) => server.close(done));
    return port;
  }
}
