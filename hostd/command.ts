import { execFile } from 'node:child_process';
import { HostdError } from './errors.ts';

/** Runs one program with its arguments, never through a shell: interface names such as `$(id)` are legal in Linux. */
export type RunCommand = (file: string, args: readonly string[], options?: CommandOptions) => Promise<string>;

export interface CommandOptions {
  /** Written to the program's standard input. */
  input?: string;
  /** Killed after this time; default 5000. */
  timeoutMs?: number;
  /** Resolve with what a program printed before it had to be killed, if it printed anything. */
  partial?: boolean;
}

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const LONGEST_NAME = 160;

/** The program's standard output. Throws HostdError `command-failed` with its standard error. */
export function runCommand(file: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const timeoutMs = options.timeoutMs ?? 5000;
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      [...args],
      // The C locale, so that what is parsed does not depend on how hostd was started.
      { env: { ...process.env, LC_ALL: 'C' }, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES },
      (error, stdout, stderr) => {
        if (error === null || (options.partial && error.killed && stdout !== '')) return resolve(stdout);
        const why = error.killed
          ? `no end after ${timeoutMs} ms`
          : stderr.trim().replaceAll('\n', '; ') || error.message;
        reject(new HostdError('command-failed', `${named(file, args)}: ${why}`));
      },
    );
    // A program that ends without reading its input would otherwise raise EPIPE here; its exit status tells why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

/** Enough to know the command by; a batch of virsh is its one argument, and may be as long as 1,000 guests make it. */
function named(file: string, args: readonly string[]): string {
  const text = [file, ...args].join(' ');
  return text.length <= LONGEST_NAME ? text : `${text.slice(0, LONGEST_NAME)}…`;
}
