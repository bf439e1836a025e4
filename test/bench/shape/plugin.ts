import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { HostInfo, HostSample, Lease, Priority } from '../../../hostd/contract.ts';
import { putLeases } from '../../../plugin/bandwidth/lease.ts';
import type { Decision } from '../../../plugin/contract.ts';
import { reservationOf } from '../../../plugin/controller/plan/decide.ts';
import { plan } from '../../../plugin/controller/plan/plan.ts';
import type { World, WorldHost } from '../../../plugin/controller/plan/world.ts';
import { parsePolicy } from '../../../plugin/policy/load.ts';
import type { Policy } from '../../../plugin/policy/schema.ts';
import type { HostClient } from '../../../plugin/tracker/hosts.ts';
import type { Order, Result } from './conductor.ts';
import { HOSTS, type HostName } from './network.ts';

const SEED = join(import.meta.dirname, '../../../policies/seed.yaml');
/** As often as the plugin's tracker samples. */
const ADAPT_EVERY_MS = 1000;

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

/** What the plugin does with bandwidth: its own client, reservations (Algorithm 2) and adaptation loop (plan.ts). */
export class Plugin {
  readonly #conductor: ChildProcess;
  readonly #waiting = new Map<number, (result: Result) => void>();
  #nextId = 1;

  constructor(conductor: ChildProcess) {
    this.#conductor = conductor;
    if (conductor.stdout === null) throw new Error('the conductor has no output');
    createInterface({ input: conductor.stdout }).on('line', (line) => {
      const result = JSON.parse(line) as Result;
      this.#waiting.get(result.id)?.(result);
      this.#waiting.delete(result.id);
    });
  }

  /** @throws Error with hostd's own text where it refuses. */
  async ask(order: Unnumbered<Order>): Promise<Result> {
    const id = this.#nextId++;
    const answered = new Promise<Result>((resolve) => this.#waiting.set(id, resolve));
    this.#conductor.stdin?.write(`${JSON.stringify({ ...order, id })}\n`);
    const result = await answered;
    if (result.error !== undefined) throw new Error(result.error);
    return result;
  }

  client(host: string): HostClient {
    return {
      host,
      info: async () => (await this.ask({ call: 'info', host })).answer as HostInfo,
      sample: async () => (await this.ask({ call: 'sample', host })).answer as HostSample,
      migrations: () => Promise.reject(new Error('not asked here')),
      putLease: async (leaseId, lease) => (await this.ask({ call: 'put', host, leaseId, lease })).answer as Lease,
      deleteLease: async (leaseId) => void (await this.ask({ call: 'delete', host, leaseId })),
    };
  }

  /** Both hosts as the plugin's tracker sees them now. */
  async world(policy: Policy, inFlight: World['inFlight'] = []): Promise<World> {
    const hosts = new Map<string, WorldHost>();
    for (const host of HOSTS) {
      const client = this.client(host);
      const [info, sample] = await Promise.all([client.info(), client.sample()]);
      hosts.set(host, { info, sample, sampleAtMs: Date.now(), linkLostAtMs: null, reachable: true });
    }
    return { nowMs: Date.now(), policy, queue: [], inFlight, hosts, previousContention: new Map() };
  }
}

export interface Limits {
  lower: string;
  upper: string;
  floor?: string;
  strict?: boolean;
}

/** The shipped policy with other limits. */
export function policyWith({ lower, upper, floor, strict = false }: Limits): Policy {
  const seed = readFileSync(SEED, 'utf8');
  const text = seed
    .replace(/default: \{ lower: .*?\}/, `default: { lower: ${lower}, upper: ${upper} }`)
    .replace(/^floor: .*$/m, (line) => (floor === undefined ? line : `floor: ${floor}`))
    .replace(/^strict: .*$/m, `strict: ${strict}`);
  const parsed = parsePolicy(text, 'seed.yaml');
  if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
  return parsed.policy;
}

/** One migration from a to b with its leases: put at once, then adapted every second as plan.ts decides. */
export class Reservation {
  readonly #plugin: Plugin;
  readonly #policy: Policy;
  readonly #priority: Priority;
  readonly #id: number;
  #held: Decision['reservation'] = { sourceTx: null, destinationRx: null };
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  changes = 0;

  constructor(plugin: Plugin, policy: Policy, priority: Priority, id = 1) {
    this.#plugin = plugin;
    this.#policy = policy;
    this.#priority = priority;
    this.#id = id;
  }

  get held(): Decision['reservation'] {
    return this.#held;
  }

  async start(): Promise<void> {
    const world = await this.#plugin.world(this.#policy);
    this.#held = reservationOf(world, this.#policy, this.#priority, { source: 'a', destination: 'b' });
    await this.#put();
    this.#timer = setInterval(() => {
      this.#turn = this.#turn.then(() => this.#adapt());
    }, ADAPT_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn;
    for (const host of HOSTS) await this.#plugin.client(host).deleteLease(`migration-${this.#id}`);
  }

  async #adapt(): Promise<void> {
    const decision = { priority: this.#priority, reservation: this.#held } as Decision;
    const flying = { id: this.#id, vmUuid: vmUuid(this.#id), source: 'a', destination: 'b', decision };
    for (const action of plan(await this.#plugin.world(this.#policy, [flying]))) {
      if (action.kind !== 'adjust') continue;
      this.#held = action.reservation;
      this.changes++;
      await this.#put();
    }
  }

  async #put(): Promise<void> {
    const { sourceTx, destinationRx } = this.#held;
    const client = (host: HostName) => this.#plugin.client(host);
    const errors = await putLeases({
      migrationId: this.#id,
      vmUuid: vmUuid(this.#id),
      priority: this.#priority,
      source: sourceTx && { client: client('a'), tx: sourceTx, maxDowntimeMs: null, maxBandwidthBitsPerSecond: null },
      destination: destinationRx && { client: client('b'), rx: destinationRx },
    });
    if (errors[0]) throw errors[0];
  }
}

export function vmUuid(id: number): string {
  return `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`;
}
