import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { LogLine } from '../kills/plugin.ts';

const MAIN = resolve(import.meta.dirname, '../../bot/main.ts');
const START_WITHIN_MS = 120_000;

/** The real bot as a process, started again as often as it is killed. */
export class BotProcess {
  readonly log: LogLine[] = [];
  readonly listeners = new Set<(line: LogLine) => void>();
  readonly #config: string;
  readonly #folder: string;
  readonly #environment: Record<string, string>;
  /** What it says when it hears Slack. */
  readonly #readyWords: string;
  #child: ChildProcess | null = null;
  #isReady = false;

  constructor(config: string, folder: string, environment: Record<string, string>, readyWords = 'connected to Slack') {
    this.#readyWords = readyWords;
    this.#config = config;
    this.#folder = folder;
    this.#environment = environment;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it and does not wait; `ready` does. */
  spawn(): void {
    const child = spawn(process.execPath, [MAIN, '--config', this.#config], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...this.#environment, NODE_COMPILE_CACHE: join(this.#folder, 'compiled') },
    });
    this.#child = child;
    this.#isReady = false;
    const last = () => child.kill('SIGKILL');
    process.once('exit', last);
    child.once('exit', () => process.off('exit', last));
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#read(line));
  }

  /** False if it ended before. */
  ready(): Promise<boolean> {
    return new Promise((done, failed) => {
      const child = this.#child;
      if (!child || !this.running) return done(false);
      if (this.#isReady) return done(true);
      const timer = setTimeout(() => {
        const last = this.log.slice(-5).map((line) => JSON.stringify(line));
        failed(
          new Error(`the bot is not ready after ${START_WITHIN_MS / 1000} s; its last words:\n${last.join('\n')}`),
        );
      }, START_WITHIN_MS);
      const end = (ready: boolean) => {
        clearTimeout(timer);
        this.listeners.delete(listener);
        done(ready);
      };
      const listener = ({ msg }: LogLine) => {
        if (msg === this.#readyWords) end(true);
      };
      this.listeners.add(listener);
      child.once('exit', () => end(false));
    });
  }

  kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): void {
    if (this.running) this.#child?.kill(signal);
  }

  async ended(): Promise<{ code: number | null; signal: string | null }> {
    const child = this.#child;
    if (!child) return { code: null, signal: null };
    if (!child.stdout?.closed) await new Promise((done) => child.once('close', done));
    return { code: child.exitCode, signal: child.signalCode };
  }

  #read(text: string): void {
    try {
      const line = JSON.parse(text) as LogLine;
      this.log.push(line);
      if (line.msg === this.#readyWords) this.#isReady = true;
      for (const listener of this.listeners) listener(line);
    } catch {
      // The last line of one that was killed while it wrote.
    }
  }
}
