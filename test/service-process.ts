import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface LogLine {
  level: number;
  msg: string;
  [field: string]: unknown;
}

export interface ServiceOptions {
  /** For texts: `the plugin`. */
  name: string;
  /** Its main file, absolute. */
  main: string;
  /** Its configuration's file. */
  config: string;
  /** Its modules are compiled here where nobody says another place. */
  folder: string;
  /** The message of its log that says that it works. */
  readyWords: string;
  /** Of a busy machine. */
  startWithinMs: number;
  environment?: Record<string, string>;
}

const LAST_WORDS = 5;

/** One of Drover's services as a real process; started again as often as it is killed. */
export class ServiceProcess {
  /** Every line of its log, of all starts. */
  readonly log: LogLine[] = [];
  readonly listeners = new Set<(line: LogLine) => void>();
  readonly #options: ServiceOptions;
  #child: ChildProcess | null = null;
  #isReady = false;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it and does not wait; `ready` does. `before`: a program and its arguments that start it. */
  spawn(before: readonly string[] = []): void {
    const { main, config, folder, environment = {} } = this.#options;
    const [program = '', ...args] = [...before, process.execPath, main, '--config', config];
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { NODE_COMPILE_CACHE: join(folder, 'compiled'), ...process.env, ...environment },
    });
    this.#child = child;
    this.#isReady = false;
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
      if (this.#isReady) return done(true);
      const { name, startWithinMs, readyWords } = this.#options;
      const timer = setTimeout(() => {
        const words = this.log.slice(-LAST_WORDS).map((line) => JSON.stringify(line));
        failed(new Error(`${name} is not ready after ${startWithinMs / 1000} s; its last words:\n${words.join('\n')}`));
      }, startWithinMs);
      const end = (ready: boolean) => {
        clearTimeout(timer);
        this.listeners.delete(listener);
        done(ready);
      };
      const listener = ({ msg }: LogLine) => {
        if (msg === readyWords) end(true);
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

  /** Does a line of its log with this text, in its message or any field, exist? */
  said(text: string): boolean {
    return this.log.some((line) => JSON.stringify(line).includes(text));
  }

  #read(text: string): void {
    try {
      const line = JSON.parse(text) as LogLine;
      this.log.push(line);
      if (line.msg === this.#options.readyWords) this.#isReady = true;
      for (const listener of this.listeners) listener(line);
    } catch {
      // The last line of one that was killed while it wrote.
    }
  }
}
