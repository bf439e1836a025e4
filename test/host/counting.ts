import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Counts } from './counts.ts';
import { HOST, type Rig } from './rig.ts';

export interface CountingOptions {
  taps: readonly string[];
  method?: 'auto' | 'nftables' | 'iptables' | 'tap';
  nic?: string;
  ownAddresses?: readonly string[];
}

/** hostd's counters, read in the rig's namespace whenever the test asks. */
export class Counting {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #taps: readonly string[];

  constructor(rig: Rig, { taps, method = 'auto', nic = 'nic0', ownAddresses = [HOST] }: CountingOptions) {
    const script = join(import.meta.dirname, 'counts.ts');
    this.#taps = taps;
    this.#child = rig.spawn(rig.host, process.execPath, script, method, nic, ownAddresses.join(','));
    if (this.#child.stdout === null) throw new Error('the counter has no output');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Makes the rules and finds out where the counters stand. */
  async begin(): Promise<void> {
    await this.read();
    await this.read();
  }

  /** What was counted since `begin`, of these taps or those of the start. */
  async read(taps = this.#taps): Promise<Counts> {
    this.#child.stdin?.write(`${JSON.stringify(taps)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the counter ended');
    const answer = JSON.parse(value) as Counts & { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  stop(): void {
    this.#child.kill();
  }
}
