import { setTimeout as sleep } from 'node:timers/promises';
import type { HostInfo, HostSample, MigrationsAnswer, MigrationView } from 'drover-hostd/contract';
import type { Logger } from 'pino';
import { DroverError, describeError } from '../errors.ts';
import { addExchange, type ClockOffset, surestOffset } from './clock.ts';
import type { HostClient } from './hosts.ts';
import { SteadyRates } from './steady.ts';

const SAMPLE_EVERY_MS = 1000;
const INFO_EVERY_MS = 30_000;
const LONG_POLL_MS = 20_000;
const RETRY_MS = 1000;
/** Before the first answer the clocks count as equal, which nothing has shown. */
const UNKNOWN_CLOCK: ClockOffset = { offsetMs: 0, errorMs: Number.POSITIVE_INFINITY };

/** What is known of one compute host. `null`: never answered. Ages count from `sampleAtMs` (Unix time, our clock). */
export interface TrackedHost {
  client: HostClient;
  info: HostInfo | null;
  sample: HostSample | null;
  sampleAtMs: number;
  /** When hostd last went from answering to silence; a hostd that is restarted refuses connections and is no lost link. */
  linkLostAtMs: number | null;
  reachable: boolean;
  migrations: MigrationsAnswer | null;
  clock: ClockOffset;
}

/** The resource tracker: asks every hostd for samples once a second and holds a long poll for its migrations. */
export class Tracker {
  readonly hosts = new Map<string, TrackedHost>();
  readonly #log: Logger;
  readonly #changed: (host: string) => void;
  readonly #steadyRates = new SteadyRates();
  readonly #stop = new AbortController();
  #loops: Promise<void>[] = [];
  readonly #firsts: Promise<void>[] = [];

  /** `changed` is called at every change of a migration on a host, with its name. */
  constructor(clients: HostClient[], log: Logger, changed: (host: string) => void) {
    this.#log = log;
    this.#changed = changed;
    for (const client of clients) {
      this.hosts.set(client.host, {
        client,
        info: null,
        sample: null,
        sampleAtMs: 0,
        linkLostAtMs: null,
        reachable: false,
        migrations: null,
        clock: UNKNOWN_CLOCK,
      });
    }
  }

  start(): void {
    for (const host of this.hosts.values()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#firsts.push(promise);
      this.#loops.push(this.#pollSamples(host, resolve), this.#pollMigrations(host));
    }
  }

  /** Resolves when every hostd has answered once or failed to, after `withinMs` at the latest. */
  async asked(withinMs: number): Promise<void> {
    const waited = new AbortController();
    const late = sleep(withinMs, undefined, { signal: waited.signal }).catch(() => {});
    await Promise.race([Promise.all(this.#firsts), late]);
    waited.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  clockOf(host: string | null): ClockOffset {
    return this.hosts.get(host ?? '')?.clock ?? UNKNOWN_CLOCK;
  }

  /** The newest view of this VM's migration in that role that began after `sinceMs` (our clock), or null. */
  migration(host: string, vmUuid: string, role: MigrationView['role'], sinceMs: number): MigrationView | null {
    const tracked = this.hosts.get(host);
    if (!tracked?.migrations) return null;
    const CLOCK_SLACK_MS = 500;
    const since = sinceMs - tracked.clock.offsetMs - CLOCK_SLACK_MS;
    const views = tracked.migrations.migrations.filter(
      (view) => view.vmUuid === vmUuid && view.role === role && beginning(view) >= since,
    );
    return views.reduce<MigrationView | null>(
      (newest, view) => (newest === null || beginning(view) >= beginning(newest) ? view : newest),
      null,
    );
  }

  async #pollSamples(host: TrackedHost, asked: () => void): Promise<void> {
    let infoAtMs = 0;
    let offsets: ClockOffset[] = [];
    while (!this.#stop.signal.aborted) {
      try {
        if (Date.now() - infoAtMs > INFO_EVERY_MS || !host.reachable) {
          host.info = await host.client.info();
          infoAtMs = Date.now();
        }
        const askedAtMs = Date.now();
        const sample = await host.client.sample();
        host.sampleAtMs = Date.now();
        host.sample = Object.assign(sample, { vms: this.#steadyRates.steady(sample.vms, host.sampleAtMs) });
        offsets = addExchange(offsets, { askedAtMs, answeredAtMs: host.sampleAtMs, hostMs: host.sample.nowMs });
        host.clock = surestOffset(offsets) ?? UNKNOWN_CLOCK;
        if (!host.reachable) this.#log.info({ host: host.client.host }, 'hostd answers');
        host.reachable = true;
      } catch (error) {
        if (host.reachable) {
          if (!linkWorks(error)) host.linkLostAtMs = Date.now();
          this.#log.warn({ host: host.client.host, error: describeError(error) }, 'hostd no longer answers');
        }
        host.reachable = false;
      }
      asked();
      await this.#sleep(SAMPLE_EVERY_MS);
    }
  }

  async #pollMigrations(host: TrackedHost): Promise<void> {
    let told: string | null = null;
    while (!this.#stop.signal.aborted) {
      const after = host.migrations?.revision ?? null;
      try {
        const answer = await host.client.migrations(after, LONG_POLL_MS, this.#stop.signal);
        const changed = answer.revision !== host.migrations?.revision;
        host.migrations = answer;
        if (changed) this.#changed(host.client.host);
        told = null;
      } catch (error) {
        // A hostd that was restarted counts its revisions anew: forget ours.
        host.migrations = null;
        // That it does not answer is what the loop of samples tells.
        const text = error instanceof DroverError && error.code !== 'hostd-unreachable' ? error.message : null;
        if (text !== null && text !== told) {
          told = text;
          const what = 'hostd shows no migrations: without them there is no progress, no downtime and no switch';
          this.#log.error({ host: host.client.host, error: text }, what);
        }
        await this.#sleep(RETRY_MS);
      }
    }
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}

/** A refused or reset connection came back over the link. */
function linkWorks(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'ECONNREFUSED' || code === 'ECONNRESET';
}

function beginning(view: MigrationView): number {
  return view.startedAtMs ?? view.activeAtMs ?? view.stoppedAtMs ?? view.resumedAtMs ?? 0;
}
