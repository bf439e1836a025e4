import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Logger } from 'pino';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
const READY_WITHIN_MS = 10_000;

export interface FollowOptions {
  file: string;
  args: readonly string[];
  /** The line that says that the program does its work now; until then it is not running. */
  readyLine: string;
  /** It is ended and started again if that line does not come within this time; default 10 s. */
  readyWithinMs?: number;
  onLine: (line: string) => void;
  /** The program works (again): what happened meanwhile was missed. */
  onReady: () => void;
}

/** Keeps one program running and hands on its lines; starts it again with growing pauses when it ends. */
export class Follower {
  /** False while the program does not run, or has not said that it is ready. */
  running = false;
  readonly #options: FollowOptions;
  readonly #log: Logger;
  #child: ChildProcess | null = null;
  #timer: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #stopped = false;

  constructor(options: FollowOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  start(): void {
    const { file, args, readyLine, readyWithinMs = READY_WITHIN_MS, onLine, onReady } = this.#options;
    const startedAtMs = performance.now();
    // setpriv: the program ends with hostd even if hostd is killed (prctl(2), PR_SET_PDEATHSIG).
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    this.#child = child;
    const late = setTimeout(() => child.kill('SIGKILL'), readyWithinMs);
    let complaint = '';
    child.stderr.on('data', (text) => {
      complaint = `${complaint}${text}`.slice(-500);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (this.running || line !== readyLine) return onLine(line);
      clearTimeout(late);
      this.running = true;
      onReady();
    });
    const ended = (why: string) => {
      clearTimeout(late);
      if (this.#child === child) this.#ended(why, startedAtMs);
    };
    child.on('error', (error) => ended(error.message));
    child.on('close', (code, signal) => ended(`${signal ?? code} ${complaint.trim()}`));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
  }

  #ended(why: string, startedAtMs: number): void {
    this.#child = null;
    this.running = false;
    if (this.#stopped) return;
    if (performance.now() - startedAtMs > LONGEST_RETRY_MS) this.#retryMs = FIRST_RETRY_MS;
    this.#log.debug({ file: this.#options.file, why, retryMs: this.#retryMs }, 'A followed program ended');
    this.#timer = setTimeout(() => this.start(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }
}
