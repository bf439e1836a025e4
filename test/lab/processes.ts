/** Commands, daemons and waiting: everything the lab runs is started here, by argument vector, in a clean environment. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabPaths } from './plan.ts';

/** Debian's OpenStack needs Debian's Python, and no proxy or PYTHONPATH of the caller. */
export const CLEAN_ENVIRONMENT: Record<string, string> = {
  PATH: '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
};

export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  /** Default 60 s. */
  timeoutMs?: number;
  cwd?: string;
  input?: string;
}

/** Runs a command to its end. A command that was killed or timed out has code -1. */
export function run(argv: string[], options: RunOptions = {}): Promise<Output> {
  const [command = '', ...args] = argv;
  const timeoutMs = options.timeoutMs ?? 60_000;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...CLEAN_ENVIRONMENT, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout, stderr: late ? `${stderr}\nkilled after ${timeoutMs} ms` : stderr });
    });
    child.stdin?.end(options.input);
  });
}

/** Runs a command that must succeed, and gives its standard output. */
export async function must(argv: string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options);
  if (code !== 0) throw new Error(`"${argv.join(' ')}" ended with ${code}: ${(stderr || stdout).trim().slice(-2000)}`);
  return stdout;
}

export function logPath(paths: LabPaths, name: string): string {
  return join(paths.log, `${name}.log`);
}

/** Starts a daemon in a session of its own, with output to its log file, and remembers its pid. */
export function startDaemon(paths: LabPaths, name: string, argv: string[], env: Record<string, string> = {}): number {
  const [command = '', ...args] = argv;
  const log = openSync(logPath(paths, name), 'a');
  const options: SpawnOptions = { env: { ...CLEAN_ENVIRONMENT, ...env }, stdio: ['ignore', log, log], detached: true };
  const child = spawn(command, args, options);
  closeSync(log);
  child.on('error', () => {}); // no pid: reported below
  if (child.pid === undefined) throw new Error(`could not start ${argv.join(' ')}`);
  child.unref();
  writeFileSync(join(paths.pids, name), `${child.pid}\n`);
  return child.pid;
}

/** The pid of a daemon that was started, if a file remembers one. */
export function daemonPid(paths: LabPaths, name: string): number | undefined {
  try {
    return Number(readFileSync(join(paths.pids, name), 'utf8'));
  } catch {
    return undefined;
  }
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie whose parent has not read its end yet still takes signals.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * Probes every 100 ms until `probe` holds (an error counts as "not yet").
 * @throws {Error} naming the log, after `timeoutMs` or as soon as the daemon has ended
 */
export async function waitFor(
  what: string,
  timeoutMs: number,
  log: string,
  probe: () => Promise<boolean> | boolean,
  pid?: number,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  let last = '';
  for (;;) {
    try {
      if (await probe()) return;
    } catch (error) {
      last = ` (${error instanceof Error ? error.message : error})`;
    }
    if (pid !== undefined && !isAlive(pid)) throw new Error(`${what}: process ${pid} has ended; read ${log}${last}`);
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs / 1000} s; read ${log}${last}`);
    await sleep(100);
  }
}

/** Sends `signal` to those of `pids` that still exist. */
export function signalAll(pids: number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** An exclusive lock that the kernel releases when this process ends, however it ends. */
export async function takeLock(file: string, timeoutMs: number): Promise<() => void> {
  const child: ChildProcess = spawn('flock', ['--wait', String(timeoutMs / 1000), file, 'cat'], {
    env: CLEAN_ENVIRONMENT,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const held = new Promise<boolean>((resolve) => {
    child.stdout?.once('data', () => resolve(true));
    child.once('exit', () => resolve(false));
    child.once('error', () => resolve(false));
  });
  child.stdin?.write('held\n');
  if (!(await held)) throw new Error(`${file} is locked by another "up" or "down" for over ${timeoutMs / 1000} s`);
  child.unref();
  return () => {
    child.stdin?.end();
  };
}

export function removeFile(file: string): void {
  rmSync(file, { force: true });
}
