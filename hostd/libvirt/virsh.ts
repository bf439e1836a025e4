import { randomBytes } from 'node:crypto';
import { type CommandOptions, type RunCommand, runCommand } from '../command.ts';
import { HostdError } from '../errors.ts';
import type { VirshShell } from './shell.ts';

/** Starting virsh costs 20 ms of a core, one more command in the same process 0.2 ms: so many go together. */
const COMMANDS_PER_PROCESS = 400;
const BATCH_TIMEOUT_MS = 10_000;
const HANGS_MS = 3000;
/**
 * In a batch virsh itself takes the words apart, by its own rules of quotes, `;` and `#`. Domains are named by UUID only:
 * a domain's name may hold all of these.
 */
const WORD = /^[A-Za-z0-9][A-Za-z0-9.:-]*$|^--?[a-z][a-z-]*$/;

/** The one way to call virsh. */
export class Virsh {
  readonly uri: string;
  readonly #run: RunCommand;
  readonly #shell: VirshShell | null;
  /** When each call that has no answer yet began. */
  readonly #waiting = new Set<{ sinceMs: number }>();

  /** Batches go to the shell, where there is one that has nothing else to do. */
  constructor(uri: string, run: RunCommand = runCommand, shell: VirshShell | null = null) {
    this.uri = uri;
    this.#run = run;
    this.#shell = shell;
  }

  stop(): void {
    this.#shell?.stop();
  }

  /** A call that hangs tells it before its time is over; null while none does. */
  problem(): string | null {
    const [oldest] = this.#waiting;
    const waitedMs = oldest === undefined ? 0 : performance.now() - oldest.sinceMs;
    if (waitedMs < HANGS_MS) return null;
    return `libvirt has not answered for ${Math.floor(waitedMs / 1000)} s. Is libvirtd hanging?`;
  }

  /** One command, its arguments as they are. @throws HostdError `command-failed`. */
  one(...args: string[]): Promise<string> {
    return this.#call(args);
  }

  /**
   * Many commands, one after the other in one virsh. The output of each that ended, empty if it failed; null for one
   * that did not end in time, and for all behind it. @throws HostdError if libvirt cannot be reached.
   */
  async batch(commands: readonly (readonly string[])[]): Promise<(string | null)[]> {
    const outputs: (string | null)[] = [];
    for (let at = 0; at < commands.length; at += COMMANDS_PER_PROCESS) {
      outputs.push(...(await this.#process(commands.slice(at, at + COMMANDS_PER_PROCESS))));
    }
    return outputs;
  }

  async #process(commands: readonly (readonly string[])[]): Promise<(string | null)[]> {
    const lines = commands.map(words);
    const startedMs = performance.now();
    if (this.#shell?.busy === false) {
      try {
        return await this.#waited(this.#shell.run(lines, BATCH_TIMEOUT_MS));
      } catch (error) {
        // What failed at once may have had an old connection: a process of its own tells.
        if (performance.now() - startedMs > HANGS_MS) throw error;
      }
    }
    // What a domain's XML may hold cannot be known before: nobody guesses this.
    const mark = randomBytes(12).toString('hex');
    const script = [...lines.map((line, index) => `echo ${mark}-${index}-; ${line}`), `echo ${mark}-`];
    const output = await this.#call([script.join('; ')], { timeoutMs: BATCH_TIMEOUT_MS, partial: true });
    return splitOutput(output, mark, commands.length);
  }

  #call(args: string[], options: CommandOptions = {}): Promise<string> {
    return this.#waited(this.#run('virsh', ['-q', '-c', this.uri, ...args], options));
  }

  async #waited<T>(answer: Promise<T>): Promise<T> {
    const call = { sinceMs: performance.now() };
    this.#waiting.add(call);
    try {
      return await answer;
    } finally {
      this.#waiting.delete(call);
    }
  }
}

function words(command: readonly string[]): string {
  for (const word of command) {
    if (!WORD.test(word)) throw new HostdError('internal', `${JSON.stringify(word)} may not stand in a batch of virsh`);
  }
  return command.join(' ');
}

/** `MARK-0-…MARK-1-…MARK-`: virsh's echo ends without a new line, and a command that fails prints nothing here. */
function splitOutput(output: string, mark: string, count: number): (string | null)[] {
  const parts = output.split(new RegExp(`${mark}-(?:\\d+-)?`)).slice(1);
  return Array.from({ length: count }, (_, index) => (index + 1 < parts.length ? (parts[index] ?? null) : null));
}
