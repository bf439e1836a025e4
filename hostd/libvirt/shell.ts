import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { HostdError } from '../errors.ts';

/** What virsh says on standard error when nobody answers at the other end. */
const LOST = /Disconnected from|failed to (re)?connect/i;

interface Batch {
  mark: string;
  count: number;
  output: string;
  complaint: string;
  finish: (error: HostdError | null) => void;
}

/**
 * One virsh that stays and takes its commands from a pipe: to start one costs 20 to 40 ms of a core, a command in one
 * that runs 0.2 ms. It works off one batch at a time; one that hangs, or has lost its connection, is ended, and the next
 * batch gets another.
 */
export class VirshShell {
  readonly #uri: string;
  #child: ChildProcess | null = null;
  #batch: Batch | null = null;

  constructor(uri: string) {
    this.#uri = uri;
  }

  get busy(): boolean {
    return this.#batch !== null;
  }

  /**
   * The output of each command, empty if it failed; null for one that did not end in time, and for all behind it. No
   * word of a command may mean anything to virsh's own parser.
   * @throws HostdError `command-failed` if virsh or its connection ended, or said nothing in that time.
   */
  async run(commands: readonly string[], timeoutMs: number): Promise<(string | null)[]> {
    const child = this.#child ?? this.#start();
    const mark = randomMark();
    hold(child, true);
    try {
      const output = await new Promise<string>((resolve, reject) => {
        const timer = setTimeout(() => {
          this.#drop(child);
          const said = this.#batch?.output.includes(`${mark}-`) ?? false;
          this.#batch?.finish(said ? null : failure(`no end after ${timeoutMs} ms`));
        }, timeoutMs);
        const batch: Batch = { mark, count: commands.length, output: '', complaint: '', finish: () => undefined };
        batch.finish = (error) => {
          clearTimeout(timer);
          this.#batch = null;
          if (error === null) resolve(batch.output);
          else reject(error);
        };
        this.#batch = batch;
        // virsh prints what it reads: quotes within a mark tell that from the mark. A mark follows its command in the
        // same line, for a word that virsh's parser does not take makes it leave the rest of the line.
        const quoted = `"${mark}"`;
        const lines = commands.map((command, index) => `echo ${quoted}-${index}-;${command};echo ${quoted}=\n`);
        child.stdin?.write(`${lines.join('')}echo ${quoted}-end\n`);
      });
      return split(output, mark, commands.length);
    } finally {
      hold(child, false);
    }
  }

  stop(): void {
    if (this.#child !== null) this.#drop(this.#child);
    this.#batch?.finish(failure('hostd stops'));
  }

  #start(): ChildProcess {
    // setpriv: it ends with hostd even if hostd is killed. virsh remembers what was typed: not here.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'virsh', '-q', '-c', this.#uri], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', TERM: 'dumb', VIRSH_HISTSIZE: '0' },
    });
    this.#child = child;
    const ended = (why: string) => {
      if (this.#child !== child) return;
      this.#child = null;
      this.#batch?.finish(failure(this.#batch.complaint.trim().replaceAll('\n', '; ') || why));
    };
    child.on('error', (error) => ended(error.message));
    child.on('close', (code, signal) => ended(`it ended (${signal ?? code})`));
    child.stdin.on('error', () => undefined);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const batch = this.#batch;
      if (batch === null || this.#child !== child) return;
      // The end may be cut in two.
      const tail = batch.output.slice(-64) + text;
      batch.output += text;
      // A complaint that was written before the end is read before the next turn of the event loop.
      if (tail.includes(`${batch.mark}-end`)) setImmediate(() => this.#end(child, batch));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      // The last words of one that was ended are no complaint about the batch that the next one works off.
      if (this.#child !== child) return;
      if (this.#batch !== null) this.#batch.complaint = `${this.#batch.complaint}${text}`.slice(-2000);
      else if (LOST.test(text)) this.#drop(child);
    });
    return child;
  }

  #end(child: ChildProcess, batch: Batch): void {
    if (this.#batch !== batch) return;
    const lost = LOST.test(batch.complaint);
    if (lost) this.#drop(child);
    batch.finish(lost ? failure(batch.complaint.trim().replaceAll('\n', '; ')) : null);
  }

  #drop(child: ChildProcess): void {
    child.kill('SIGKILL');
    if (this.#child === child) this.#child = null;
  }
}

/** An idle one keeps no program from ending. */
function hold(child: ChildProcess, on: boolean): void {
  const pipes = [child.stdin, child.stdout, child.stderr] as (Socket | null)[];
  for (const each of [child, ...pipes]) {
    if (on) each?.ref();
    else each?.unref();
  }
}

function failure(why: string): HostdError {
  return new HostdError('command-failed', `virsh: ${why}`);
}

/** What a domain's XML may hold cannot be known before: nobody guesses this. virsh takes 2 µs for every character. */
function randomMark(): string {
  return randomBytes(6).toString('base64url').replaceAll(/[-_]/g, 'x');
}

/** `MARK-0-…MARK=`: virsh's echo ends without a new line. Nothing of a command that its parser did not take. */
function split(output: string, mark: string, count: number): (string | null)[] {
  const whole = output.includes(`${mark}-end`);
  let at = 0;
  return Array.from({ length: count }, (_, index) => {
    const begin = `${mark}-${index}-`;
    const from = output.indexOf(begin, at);
    const to = from === -1 ? -1 : output.indexOf(`${mark}=`, from);
    if (to === -1) return whole ? '' : null;
    at = to;
    return output.slice(from + begin.length, to);
  });
}
