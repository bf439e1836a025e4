import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import type { Logger } from 'pino';
import { acknowledgement } from './acknowledge.ts';
import { adviceOn } from './advice.ts';
import { retryAfterMs } from './backoff.ts';
import { Coalescer } from './coalesce.ts';
import { glance, parseServerEvent, type ServerEvent } from './envelope.ts';
import { brokersOf, type NotificationSettings } from './settings.ts';
import { declareOwnQueue, openBroker } from './subscribe.ts';
import { Trust } from './trust.ts';

export interface ListenerParts {
  settings: NotificationSettings;
  /** Servers of which somebody wants to know; asked for often. */
  watched: () => ReadonlySet<string>;
  /** Something happened to a watched server. Only a hint: what it is, Nova says. */
  told: (event: ServerEvent) => void;
  /** It listens (again): what happened before nobody told. */
  listening: () => void;
  log: Logger;
}

/** What is counted since the start. */
export interface ListenerFigures {
  connected: boolean;
  /** `watched`, `other`, `garbage` */
  messages: ReadonlyMap<string, number>;
  /** Hints that were handed on. */
  hints: number;
  failures: number;
}

/** So many are on their way from the broker at once. */
const PREFETCH = 300;
/** The same event of the same server is told that often at most. */
const TELL_EVERY_MS = 250;
/** Of what nobody watches one is read that often at most. */
const SAMPLE_EVERY_MS = 50;
/** The set of watched servers is taken anew after this time. */
const WATCHED_FOR_MS = 50;
/** A connection that held that long counts as good: the next failure is the first. */
const GOOD_AFTER_MS = 60_000;
const SAY_AGAIN_MS = 600_000;

/**
 * Listens to Nova's versioned notifications and says of which watched server there is news. Whatever goes wrong here is
 * told by `problem`, the figures and the log, and costs nothing but the news: others poll.
 */
export class NotificationListener {
  readonly trust = new Trust();
  readonly #messages = new Map([
    ['watched', 0],
    ['other', 0],
    ['garbage', 0],
  ]);
  readonly figures: ListenerFigures = { connected: false, messages: this.#messages, hints: 0, failures: 0 };
  readonly #parts: ListenerParts;
  readonly #stop = new AbortController();
  readonly #hints: Coalescer<ServerEvent>;
  #loop: Promise<void> = Promise.resolve();
  #problem: string | null = null;
  #sampledAtMs = Number.NEGATIVE_INFINITY;
  readonly #said = new Map<string, number>();
  #watched: { ids: ReadonlySet<string>; atMs: number } = { ids: new Set(), atMs: Number.NEGATIVE_INFINITY };

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#hints = new Coalescer(TELL_EVERY_MS, (event) => {
      this.figures.hints += 1;
      parts.told(event);
    });
  }

  /** Begins in the background; nothing waits for a broker. */
  start(): void {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    this.#hints.stop();
  }

  /** Why nothing is heard, or not of all; null: all is well. */
  get problem(): string | null {
    if (this.#problem !== null) return `no notifications of Nova's: ${this.#problem}`;
    const { silent } = this.trust;
    if (silent.length === 0) return null;
    return `nova-compute on ${silent.join(', ')} tells no notifications: drover-plugin check says what nova.conf needs`;
  }

  async #run(): Promise<void> {
    const { settings } = this.#parts;
    const brokers = brokersOf(settings);
    const { signal } = this.#stop;
    let failures = 0;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const broker = brokers[attempt % brokers.length] as URL;
      const beganAtMs = Date.now();
      try {
        await this.#listen(broker);
        if (signal.aborted) return;
        throw new Error('the connection was closed');
      } catch (error) {
        if (signal.aborted) return;
        failures = Date.now() - beganAtMs > GOOD_AFTER_MS ? 1 : failures + 1;
        this.#failed(adviceOn(error, { exchange: settings.exchange, broker }));
      }
      // The others of a cluster are tried at once.
      const round = Math.ceil(failures / brokers.length);
      const waitMs = failures % brokers.length === 0 ? retryAfterMs(round, Math.random()) : 0;
      await sleep(waitMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Returns or throws when the connection has ended. */
  async #listen(broker: URL): Promise<void> {
    const model = await openBroker(broker, this.#parts.settings);
    const ended = endOf(model);
    const stop = () => void model.close().catch(() => {});
    this.#stop.signal.addEventListener('abort', stop);
    try {
      if (this.#stop.signal.aborted) return;
      await this.#subscribe(model);
      this.#begun(broker);
      await ended;
    } finally {
      this.trust.end();
      this.figures.connected = false;
      this.#stop.signal.removeEventListener('abort', stop);
      await model.close().catch(() => {});
    }
  }

  async #subscribe(model: ChannelModel): Promise<void> {
    const channel = await model.createChannel();
    let broken: Error | null = null;
    channel.on('error', (error) => {
      broken = error;
    });
    // A channel without its connection would be silence that nobody notices.
    channel.on('close', () => void model.close().catch(() => {}));
    const queue = await declareOwnQueue(channel, this.#parts.settings).catch((error: unknown) => {
      throw broken ?? error;
    });
    await channel.prefetch(PREFETCH);
    const acknowledge = acknowledgement(channel);
    await channel.consume(queue, (message) => {
      // Null: somebody deleted the queue.
      if (message === null) void model.close().catch(() => {});
      else {
        this.#count(this.#take(message.content));
        acknowledge(message);
      }
    });
  }

  #take(content: Buffer): 'watched' | 'other' | 'garbage' {
    const seen = glance(content);
    if (typeof seen === 'string') return seen;
    const watched = this.#isWatched(seen.serverId);
    if (!watched && !this.#mayTakeSample()) return 'other';
    const event = parseServerEvent(content);
    if (event !== null && event.computeHost !== null) this.trust.heard(event.computeHost);
    if (!watched) return 'other';
    if (event === null) return 'garbage';
    this.#hints.add(`${event.serverId} ${event.eventType}`, event);
    return 'watched';
  }

  #isWatched(serverId: string): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#watched.atMs > WATCHED_FOR_MS) this.#watched = { ids: this.#parts.watched(), atMs: nowMs };
    return this.#watched.ids.has(serverId);
  }

  /** Of others' messages a few are read as well: they show which nova-compute sends any. */
  #mayTakeSample(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#sampledAtMs < SAMPLE_EVERY_MS) return false;
    this.#sampledAtMs = nowMs;
    return true;
  }

  #count(kind: 'watched' | 'other' | 'garbage'): void {
    this.#messages.set(kind, (this.#messages.get(kind) ?? 0) + 1);
    if (kind === 'garbage') this.#say('something on the topic of the notifications is none: it is left out', {});
  }

  #begun(broker: URL): void {
    this.#problem = null;
    this.trust.begin();
    this.figures.connected = true;
    this.#parts.log.info({ broker: broker.host }, "listens to Nova's notifications");
    this.#parts.listening();
  }

  #failed(why: string): void {
    this.figures.failures += 1;
    this.#problem = why;
    this.#say("Nova's notifications are not heard: Nova is asked as often as without them", { why });
  }

  /** The same only once in ten minutes. */
  #say(message: string, details: { why?: string }): void {
    const key = `${message} ${details.why ?? ''}`;
    const nowMs = Date.now();
    if (nowMs - (this.#said.get(key) ?? Number.NEGATIVE_INFINITY) < SAY_AGAIN_MS) return;
    this.#said.set(key, nowMs);
    this.#parts.log.warn(details, message);
  }
}

function endOf(model: ChannelModel): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  model.once('close', (error) => (error ? reject(error) : resolve()));
  // It may end before anybody waits for it.
  promise.catch(() => {});
  return promise;
}
