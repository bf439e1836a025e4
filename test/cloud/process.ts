import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { CloudAddresses, CloudOptions } from './cloud.ts';
import type { Ledger, Moment } from './ledger.ts';

export type CloudOrder =
  /** Sends a process that signal at the nth such moment from now on. */
  | { kind: 'signal-at'; moment: Moment; nth: number; pid: number; signal: 'SIGKILL' | 'SIGSTOP' }
  | { kind: 'disarm' }
  | { kind: 'calm' }
  | { kind: 'report' };
export type CloudAnswer =
  | { kind: 'ready'; addresses: CloudAddresses }
  | { kind: 'report'; ledger: Ledger; leases: string[] };

/** The double of cloud.ts in a process of its own: what kills its clients does not disturb it. */
export class CloudProcess {
  readonly addresses: CloudAddresses;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, addresses: CloudAddresses) {
    this.#child = child;
    this.addresses = addresses;
  }

  static async start(options: CloudOptions): Promise<CloudProcess> {
    const child = fork(join(import.meta.dirname, 'main.ts'), [JSON.stringify(options)], { stdio: 'inherit' });
    const first = await answerOf(child);
    if (first.kind !== 'ready') throw new Error('the cloud double did not start');
    return new CloudProcess(child, first.addresses);
  }

  /** Kills that process at the nth such moment from now on, unless `disarm` comes first. */
  killAt(moment: Moment, nth: number, pid: number): void {
    this.#order({ kind: 'signal-at', moment, nth, pid, signal: 'SIGKILL' });
  }

  /** The same, but it may go on later. */
  stopAt(moment: Moment, nth: number, pid: number): void {
    this.#order({ kind: 'signal-at', moment, nth, pid, signal: 'SIGSTOP' });
  }

  disarm(): void {
    this.#order({ kind: 'disarm' });
  }

  /** No faults from now on. */
  calm(): void {
    this.#order({ kind: 'calm' });
  }

  async report(): Promise<{ ledger: Ledger; leases: string[] }> {
    const answer = answerOf(this.#child);
    this.#order({ kind: 'report' });
    const report = await answer;
    if (report.kind !== 'report') throw new Error('the cloud double did not report');
    return report;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await ended;
  }

  #order(order: CloudOrder): void {
    this.#child.send(order);
  }
}

function answerOf(child: ChildProcess): Promise<CloudAnswer> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error('the cloud double has ended'));
    child.once('exit', ended);
    child.once('message', (answer) => {
      child.off('exit', ended);
      resolve(answer as CloudAnswer);
    });
  });
}
