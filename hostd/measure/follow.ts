import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Logger } from 'pino';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

export interface FollowOptions {
  file: string;
  args: readonly string[];
  onLine: (line: string) => void;
  /** The program runs (again): what happened meanwhile was missed. */
  onStart: () => void;
}

/** Keeps one program running and hands on its lines; starts it again with growing pauses when it ends. */
export class Follower {
  /** False while the program is not running. */
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
    const { file, args, onLine, onStart } = this.#options;
    const startedAtMs = performance.now();
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C' } });
    this.#child = child;
    let complaint = '';
    child.stderr.on('data', (text) => {
      complaint = `${complaint}${text}`.slice(-500);
    });
    child.on('spawn', () => {
      this.running = true;
      onStart();
    });
    createInterface({ input: child.stdout }).on('line', onLine);
    child.on('error', (error) => this.#ended(error.message, startedAtMs));
    child.on('close', (code, signal) => this.#ended(`${signal ?? code} ${complaint.trim()}`, startedAtMs));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGTERM');
  }

  #ended(why: string, startedAtMs: number): void {
    if (this.#child === null) return;
    this.#child = null;
    this.running = false;
    if (this.#stopped) return;
    if (performance.now() - startedAtMs > LONGEST_RETRY_MS) this.#retryMs = FIRST_RETRY_MS;
    this.#log.debug({ file: this.#options.file, why, retryMs: this.#retryMs }, 'A followed program ended');
    this.#timer = setTimeout(() => this.start(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }
}
