import { type RunCommand, runCommand } from '../../command.ts';
import { HostdError } from '../../errors.ts';
import { nftRules, OWN_COUNTERS, type OwnTraffic, ownFamily, PAIRS, TABLE } from '../netfilter.ts';
import { ETHERNET_HEADER_BYTES, type TapMeters } from '../rates.ts';
import type { CountMethod, CountReading, OwnBytes } from './method.ts';
import { ENOENT } from './netlink.ts';
import { dumpObjects, dumpSet, getGeneration, parseGeneration, splitKey, visitObject, visitPairs } from './nftcodec.ts';
import { Questioner } from './question.ts';
import type { Topology } from './uplinks.ts';

/**
 * Rules are written with `nft`, counters are read through netlink: 2,000 of them in 2 ms, where the program takes 25.
 * Without pairs only the host's own packets are counted.
 */
export class NftCounters implements CountMethod {
  readonly name = 'nftables';
  problem: string | null = null;
  readonly #own: OwnTraffic;
  readonly #countPairs: boolean;
  readonly #run: RunCommand;
  readonly #netfilter = new Questioner(12);
  #topology: Topology | null = null;
  #rules = '';
  #generation = -1;
  #epoch = 0;
  /** The uplinks as they were when the meters learnt them. */
  #resolved: Topology | null = null;

  constructor(own: OwnTraffic, countPairs: boolean, run: RunCommand = runCommand) {
    this.#own = own;
    this.#countPairs = countPairs;
    this.#run = run;
  }

  includesLocalTraffic(): boolean {
    return false;
  }

  /** @throws HostdError if this host's nft or kernel does not take the rules; nothing is changed. */
  async check(topology: Topology): Promise<void> {
    await this.#run('nft', ['-c', '-f', '-'], { input: nftRules(topology, this.#own, this.#countPairs) });
  }

  async follow(topology: Topology): Promise<void> {
    const family = this.#topology === null ? null : ownFamily(this.#topology);
    this.#topology = topology;
    const rules = nftRules(topology, this.#own, this.#countPairs);
    // Somebody's change may have been to these rules: writing them again costs no packet, and the counters stay.
    if (rules === this.#rules && this.#generation === this.#readGeneration()) return;
    if (family !== null && family !== ownFamily(topology)) this.#epoch += 1;
    await this.#install(rules);
  }

  async read(meters: TapMeters): Promise<CountReading> {
    if (this.#topology === null) throw new HostdError('internal', 'Counters are read before their rules are made');
    let own = this.#read(this.#topology, meters);
    if (own === null) {
      // `nft flush ruleset`, or nftables.service was restarted.
      this.#epoch += 1;
      await this.#install(this.#rules);
      own = this.#read(this.#topology, meters);
      if (own === null) throw new HostdError('command-failed', `nft made the table ${TABLE}, and it is not there.`);
    }
    return { epoch: `nft${this.#epoch}`, own };
  }

  /** Null: the tables are gone. */
  #read(topology: Topology, meters: TapMeters): OwnBytes | null {
    if (this.#countPairs) {
      if (this.#resolved !== topology) meters.resolveWith(resolvePairs(topology));
      this.#resolved = topology;
      meters.begin(`nft${this.#epoch}`);
      const errno = this.#netfilter.ask(
        (sequence) => dumpSet(sequence, 'bridge', TABLE, PAIRS),
        (part, type, from, to) =>
          visitPairs(part, type, from, to, (key, packets, bytes) => meters.count(key, packets, bytes, 'zero')),
      );
      if (errno === ENOENT) return null;
      check(errno);
    }
    const own: Partial<OwnBytes> = {};
    const errno = this.#netfilter.ask(
      (sequence) => dumpObjects(sequence, ownFamily(topology), TABLE),
      (part, type, from, to) =>
        visitObject(part, type, from, to, (name, packets, bytes) => {
          own[name as keyof OwnBytes] = bytes + packets * ETHERNET_HEADER_BYTES;
        }),
    );
    if (errno === ENOENT || OWN_COUNTERS.some((name) => own[name] === undefined)) return null;
    check(errno);
    return own as OwnBytes;
  }

  async #install(rules: string): Promise<void> {
    try {
      await this.#run('nft', ['-f', '-'], { input: rules });
    } catch (error) {
      // A table that another version left may not fit: once more without it.
      this.#epoch += 1;
      await this.remove();
      await this.#run('nft', ['-f', '-'], { input: rules }).catch(() => {
        throw error;
      });
    }
    this.#rules = rules;
    this.#generation = this.#readGeneration();
  }

  #readGeneration(): number {
    let generation = -1;
    this.#netfilter.ask(getGeneration, (part, type, from, to) => {
      generation = parseGeneration(part, type, from, to) ?? generation;
    });
    return generation;
  }

  async remove(): Promise<void> {
    const lines = ['bridge', 'inet'].flatMap((family) => [
      `add table ${family} ${TABLE}`,
      `delete table ${family} ${TABLE}`,
    ]);
    await this.#run('nft', ['-f', '-'], { input: `${lines.join('\n')}\n` });
    this.#rules = '';
  }

  close(): void {
    this.#netfilter.close();
  }
}

function check(errno: number): void {
  if (errno !== 0) {
    throw new HostdError(
      'system-call-failed',
      `Cannot read the nftables counters (errno ${errno}). Is CAP_NET_ADMIN there?`,
    );
  }
}

/** (uplink, tap) is what a VM receives, (tap, uplink) what it sends. */
function resolvePairs({ uplinks }: Topology) {
  const perPacket = new Map(uplinks.map((uplink) => [uplink.name, ETHERNET_HEADER_BYTES + uplink.overheadBytes]));
  return (key: string) => {
    const [from, to] = splitKey(key);
    const received = perPacket.get(from);
    if (received !== undefined) return { tap: to, direction: 'rx' as const, perPacket: received };
    const sent = perPacket.get(to);
    return sent === undefined ? null : { tap: from, direction: 'tx' as const, perPacket: sent };
  };
}
