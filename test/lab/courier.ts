/**
 * HTTP and one-line TCP exchanges from inside a namespace of the lab, for a program that itself runs outside: a small
 * process in there (errand.ts) takes requests and gives answers as lines of JSON.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Answer, Errand } from './errand.ts';
import { CLEAN_ENVIRONMENT } from './processes.ts';

type Reply = { id: number; answer?: Answer; error?: string };

/** Has a lifetime: `close` ends the process, and it ends by itself when this program does. */
export class Courier {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  #nextId = 1;

  /** @param enter makes of an argument vector the one that runs it in the namespace */
  constructor(enter: (argv: string[]) => string[]) {
    const [command = '', ...args] = enter([process.execPath, join(import.meta.dirname, 'errand.ts')]);
    this.#child = spawn(command, args, { env: CLEAN_ENVIRONMENT, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.on('error', (error) => this.#fail(error));
    this.#child.on('exit', (code, signal) => this.#fail(new Error(`the courier ended with ${code ?? signal}`)));
    this.#child.stdin?.on('error', () => {}); // the exit says it
    if (this.#child.stdout) createInterface({ input: this.#child.stdout }).on('line', (line) => this.#settle(line));
    this.#idle(true);
  }

  request(errand: Errand): Promise<Answer> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null) return reject(new Error(`the courier has ended with ${this.#child.exitCode}`));
      this.#waiting.set(id, { resolve, reject });
      this.#idle(false);
      this.#child.stdin?.write(`${JSON.stringify({ id, errand })}\n`);
    });
  }

  close(): void {
    this.#child.stdin?.end();
  }

  #settle(line: string): void {
    const { id, answer, error }: Reply = JSON.parse(line);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (answer) waiting?.resolve(answer);
    else waiting?.reject(new Error(error ?? 'no answer'));
    if (this.#waiting.size === 0) this.#idle(true);
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  /** An idle courier must not keep its program from ending. */
  #idle(idle: boolean): void {
    const handles = [this.#child, this.#child.stdin, this.#child.stdout] as unknown as { ref(): void; unref(): void }[];
    for (const handle of handles) {
      if (idle) handle.unref();
      else handle.ref();
    }
  }
}
