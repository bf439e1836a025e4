/** A real MariaDB of this machine's packages, in a directory of its own. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { MariadbAddress } from '../../plugin/controller/store/address.ts';
import { freePort } from '../free-port.ts';

const run = promisify(execFile);
/** mariadbd refuses root; this one has no rights anywhere else. */
const ACCOUNT = 'nobody';
const USER = 'drover';
export const PASSWORD = 'not-a-secret';
const READY_WITHIN_MS = 90_000;

export class MariadbServer {
  readonly port: number;
  readonly socketPath: string;
  readonly #folder: string;
  readonly #process: ChildProcess;
  #databases = 0;

  private constructor(folder: string, port: number, socketPath: string, child: ChildProcess) {
    this.#folder = folder;
    this.port = port;
    this.socketPath = socketPath;
    this.#process = child;
  }

  /** Answers on a unix socket and on a port of 127.0.0.1; with `tls` (files) in no other way on that port. */
  static async start(tls?: { cert: string; key: string }): Promise<MariadbServer> {
    const folder = mkdtempSync(join(tmpdir(), 'drover-mariadb-'));
    const account = accountIds();
    chownSync(folder, account.uid, account.gid);
    const data = join(folder, 'data');
    const socketPath = join(folder, 'socket');
    // At its start MariaDB removes the temporary tables in its tmpdir, and so those of others that share it.
    const temporary = join(folder, 'tmp');
    mkdirSync(temporary);
    chownSync(temporary, account.uid, account.gid);
    const options = ['--no-defaults', `--datadir=${data}`, `--tmpdir=${temporary}`];
    await run(
      'mariadb-install-db',
      [...options, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'],
      { ...account, cwd: folder, env: { ...process.env, HOME: folder } },
    );
    const port = await freePort();
    const log = openSync(join(folder, 'log'), 'a');
    const child = spawn(
      'mariadbd',
      [
        ...options,
        ...[`--socket=${socketPath}`, `--port=${port}`, '--bind-address=127.0.0.1', `--pid-file=${folder}/pid`],
        ...(tls ? tlsOptions(tls, folder, account) : []),
        ...['--skip-name-resolve', '--performance-schema=off', '--innodb-buffer-pool-size=32M'],
      ],
      { ...account, cwd: folder, stdio: ['ignore', log, log] },
    );
    const server = new MariadbServer(folder, port, socketPath, child);
    try {
      await server.#ready();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) {
      const exit = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exit;
    }
    rmSync(this.#folder, { recursive: true });
  }

  /** An empty database and the way into it over the unix socket. */
  async createDatabase(): Promise<MariadbAddress> {
    this.#databases += 1;
    const database = `drover_${this.#databases}`;
    await this.sql(
      `CREATE DATABASE ${database}; GRANT ALL ON ${database}.* TO ${USER}@'%' IDENTIFIED BY '${PASSWORD}'`,
    );
    const at = { socketPath: this.socketPath };
    return { kind: 'mariadb', user: USER, password: PASSWORD, database, at, ca: null };
  }

  /** Runs SQL as root; rows as lines, columns separated by tabs. */
  async sql(statement: string): Promise<string> {
    const { stdout } = await run('mariadb', [
      ...['--no-defaults', '-uroot', '-S', this.socketPath],
      ...['-N', '-e', statement],
    ]);
    return stdout;
  }

  async #ready(): Promise<void> {
    const untilMs = Date.now() + READY_WITHIN_MS;
    for (;;) {
      try {
        await this.sql('SELECT 1');
        return;
      } catch (error) {
        if (Date.now() > untilMs || this.#process.exitCode !== null) {
          throw new Error(`mariadbd does not answer:\n${readFileSync(join(this.#folder, 'log'), 'utf8')}`, {
            cause: error,
          });
        }
        await sleep(50);
      }
    }
  }
}

/** The account reads copies of its own. */
function tlsOptions(tls: { cert: string; key: string }, folder: string, { uid, gid }: { uid: number; gid: number }) {
  for (const [name, file] of Object.entries(tls)) {
    copyFileSync(file, join(folder, name));
    chownSync(join(folder, name), uid, gid);
  }
  return [`--ssl-cert=${folder}/cert`, `--ssl-key=${folder}/key`, '--require-secure-transport=ON'];
}

/** Of `ACCOUNT` where this runs as root, of the caller otherwise. */
function accountIds(): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, ACCOUNT], { encoding: 'utf8' }));
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  return uid === 0 ? { uid: id('-u'), gid: id('-g') } : { uid, gid };
}
