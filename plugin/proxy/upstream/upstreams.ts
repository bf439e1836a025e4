import type { Logger } from 'pino';
import type { ProxyError } from '../errors.ts';
import type { ProxyLimits } from '../limits.ts';
import { UpstreamCall, type UpstreamChoice } from './call.ts';
import type { AnswerReceiver, OutgoingRequest } from './connection.ts';
import { Upstream } from './upstream.ts';

export interface UpstreamOptions {
  /** Nova's API, one address or several of the same cloud. */
  urls: string[];
  /** Who gets the next request: in turn, or who has the fewest unanswered. */
  balance: 'round-robin' | 'least-connections';
  /** How several are watched; a single one is not. */
  health: HealthOptions;
}

export interface HealthOptions {
  /** Asked with GET; any status below 500 is healthy. */
  path: string;
  intervalMs: number;
  timeoutMs: number;
  /** So many failures in a row take an upstream out, so many successes take it in. */
  fall: number;
  rise: number;
}

export const DEFAULT_HEALTH: HealthOptions = { path: '/', intervalMs: 2000, timeoutMs: 2000, fall: 2, rise: 1 };

interface Watched {
  upstream: Upstream;
  /** In a row: failures below zero, successes above. */
  row: number;
  abort: (() => void) | null;
}

/**
 * Nova's API behind one or several addresses. One that refuses connections gets no more requests until a probe finds it
 * well again. Where all are dead all are tried: an error must come from Nova, not from a guess.
 */
export class Upstreams implements UpstreamChoice {
  readonly #options: UpstreamOptions;
  readonly #log: Logger;
  readonly #watched: Watched[];
  #turn = 0;
  #nextProbeMs = 0;

  constructor(options: UpstreamOptions, limits: ProxyLimits, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#watched = options.urls.map((url) => ({ upstream: new Upstream(url, limits), row: 0, abort: null }));
  }

  send(request: OutgoingRequest, receiver: AnswerReceiver): UpstreamCall {
    const call = new UpstreamCall(this, request, receiver);
    call.start();
    return call;
  }

  trust(ca: string): void {
    for (const { upstream } of this.#watched) upstream.trust(ca);
  }

  choose(tried: ReadonlySet<Upstream>): Upstream | null {
    const first = this.#watched[0];
    if (this.#watched.length === 1 && first !== undefined) return tried.has(first.upstream) ? null : first.upstream;
    const untried = this.#watched.map(({ upstream }) => upstream).filter((upstream) => !tried.has(upstream));
    const alive = untried.filter((upstream) => upstream.alive);
    const candidates = alive.length > 0 ? alive : untried;
    if (candidates.length === 0) return null;
    this.#turn += 1;
    if (this.#options.balance === 'round-robin') return candidates[this.#turn % candidates.length] ?? null;
    // From the one whose turn it is: equals share.
    const rotated = candidates.map((_, i) => candidates[(this.#turn + i) % candidates.length] as Upstream);
    return rotated.reduce((least, one) => (one.load < least.load ? one : least));
  }

  unreachable(upstream: Upstream): void {
    if (this.#watched.length > 1) this.#setAlive(upstream, false, 'it refuses connections');
  }

  tick(nowMs: number): void {
    for (const { upstream } of this.#watched) upstream.tick(nowMs);
    if (this.#watched.length > 1 && nowMs >= this.#nextProbeMs) {
      this.#nextProbeMs = nowMs + this.#options.health.intervalMs;
      for (const watched of this.#watched) this.#probe(watched);
    }
  }

  close(): void {
    for (const { upstream, abort } of this.#watched) {
      abort?.();
      upstream.close();
    }
  }

  #probe(watched: Watched): void {
    if (watched.abort !== null) return;
    const { health } = this.#options;
    const { upstream } = watched;
    const timeout = setTimeout(() => over(false, `no answer within ${health.timeoutMs} ms`), health.timeoutMs);
    const over = (well: boolean, why: string) => {
      if (watched.abort === null) return;
      watched.abort();
      this.#count(watched, well, why);
    };
    watched.abort = () => {
      clearTimeout(timeout);
      watched.abort = null;
      connection.destroy();
    };
    const receiver: AnswerReceiver = {
      connected: (one) => one.bodySent(),
      interim: () => {},
      head: (head) => over(head.status < 500, `GET ${health.path} gives ${head.status}`),
      data: () => {},
      ended: () => {},
      upstreamDrained: () => {},
      failed: () => {},
    };
    const head = `GET ${health.path} HTTP/1.1\r\nHost: ${upstream.url.host}\r\nConnection: close\r\n\r\n`;
    const connection = upstream.probe({
      request: { method: 'GET', head: () => head, onlyReads: true },
      receiver,
      lost: (_stage, error: ProxyError) => over(false, error.message),
    });
  }

  #count(watched: Watched, well: boolean, why: string): void {
    watched.row = well ? Math.max(watched.row, 0) + 1 : Math.min(watched.row, 0) - 1;
    const { fall, rise } = this.#options.health;
    if (watched.row >= rise) this.#setAlive(watched.upstream, true, why);
    else if (-watched.row >= fall) this.#setAlive(watched.upstream, false, why);
  }

  #setAlive(upstream: Upstream, alive: boolean, why: string): void {
    if (upstream.alive === alive) return;
    upstream.alive = alive;
    const { origin } = upstream.url;
    if (alive) this.#log.info({ nova: origin }, 'proxy: this Nova gets requests again');
    else this.#log.warn({ nova: origin, why }, 'proxy: this Nova gets no more requests until it is well');
  }
}
