import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { type RunCommand, runCommand } from '../command.ts';
import { describeError } from '../errors.ts';
import { type Choice, chooseMethod, type MethodName, type Obstacles, whyNotPairs } from './count/detect.ts';
import { IptablesCounters } from './count/iptables.ts';
import type { DeviceCounters } from './count/linkcodec.ts';
import { Links } from './count/links.ts';
import type { CountMethod, CountReading } from './count/method.ts';
import { NftCounters } from './count/nftables.ts';
import { TapCounters } from './count/tap.ts';
import { findTopology, type Topology } from './count/uplinks.ts';
import type { OwnTraffic } from './netfilter.ts';
import type { TapMeters } from './rates.ts';

export interface CountersOptions {
  /** One character a byte. */
  nic: string;
  wanted: MethodName | 'auto';
  own: OwnTraffic;
}

/** All counters of the host, by the method that fits its switch; another one when the switch turns out to be another. */
export class Counters {
  readonly #options: CountersOptions;
  readonly #log: Logger;
  readonly #run: RunCommand;
  readonly #links = new Links();
  #choice: Choice = { method: 'nftables', reason: 'not probed yet' };
  #method: CountMethod | null = null;
  #topology: Topology | null = null;
  #obstacles: Obstacles | null = null;

  constructor(options: CountersOptions, log: Logger, run: RunCommand = runCommand) {
    this.#options = options;
    this.#log = log;
    this.#run = run;
  }

  /** The method in use, and why. */
  choice(): Choice {
    return this.#choice;
  }

  problem(): string | null {
    if (this.#topology === null || this.#method === null) return null;
    const misplaced = this.#choice.method === 'tap' ? null : whyNotPairs(this.#topology);
    if (misplaced === null) return this.#method.problem;
    return `VM traffic is not counted: ${misplaced}. Set "counting: auto".`;
  }

  includesLocalTraffic(tap: string): boolean {
    return this.#method?.includesLocalTraffic(tap) ?? false;
  }

  /** Looks at the host's interfaces anew: at the start, when a tap appears, and now and then. */
  async follow(taps: Iterable<string>): Promise<void> {
    const topology = findTopology(this.#links.list(), this.#options.nic, taps);
    // The same object while nothing changed: what was derived from it stays valid.
    if (JSON.stringify(topology) !== JSON.stringify(this.#topology)) this.#topology = topology;
    const current = this.#topology ?? topology;
    await this.#choose(current);
    await this.#method?.follow(current);
  }

  async #choose(topology: Topology): Promise<void> {
    const { wanted } = this.#options;
    // What works does not change with the taps; what did not work may have been installed.
    if (this.#obstacles === null || this.#obstacles.nftables !== null) this.#obstacles = await this.#probe(topology);
    const choice = chooseMethod(wanted, topology, this.#obstacles);
    if (this.#method !== null && choice.method === this.#choice.method) {
      this.#choice = choice;
      return;
    }
    const left = this.#method;
    this.#method = this.#create(choice.method, this.#obstacles);
    this.#choice = choice;
    this.#log.info({ counting: choice }, 'How VM traffic is counted');
    await left
      ?.remove()
      .catch((error) => this.#log.warn({ error: describeError(error) }, 'Cannot remove old counters'));
    left?.close();
  }

  #create(method: MethodName, obstacles: Obstacles): CountMethod {
    const { own } = this.#options;
    if (method === 'nftables') return new NftCounters(own, true, this.#run);
    if (method === 'iptables') return new IptablesCounters(own, true, this.#run);
    if (obstacles.nftables === null) return new TapCounters(new NftCounters(own, false, this.#run));
    return new TapCounters(obstacles.iptables === null ? new IptablesCounters(own, false, this.#run) : null);
  }

  async #probe(topology: Topology): Promise<Obstacles> {
    const probe = new NftCounters(this.#options.own, true, this.#run);
    const works = (trial: Promise<unknown>) =>
      trial.then(
        () => null,
        (error) => describeError(error),
      );
    const nftables = await works(probe.check(topology));
    probe.close();
    if (nftables === null) return { nftables, iptables: null };
    return { nftables, iptables: await works(new IptablesCounters(this.#options.own, true, this.#run).check()) };
  }

  nic(): DeviceCounters {
    return this.#links.counters(this.#options.nic);
  }

  async read(meters: TapMeters): Promise<CountReading> {
    if (this.#method === null) throw new Error('follow() comes first');
    return this.#method.read(meters);
  }

  close(): void {
    this.#method?.close();
    this.#links.close();
  }
}

/** Link speed in Mbit/s from sysfs, null where the NIC does not know it (down, virtio, some virtual ones). */
export async function readLinkSpeed(nic: string): Promise<number | null> {
  try {
    const speed = Number(await readFile(`/sys/class/net/${nic}/speed`, 'utf8'));
    return speed > 0 ? speed : null;
  } catch {
    // The kernel answers EINVAL for a NIC that is down.
    return null;
  }
}
