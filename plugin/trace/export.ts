import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { MigrationEvent, MigrationRecord } from '../contract.ts';
import { describeError } from '../errors.ts';
import { spansOf, traceBody } from './spans.ts';

export interface TraceOptions {
  /** Of the collector's OTLP/HTTP receiver, e.g. `http://127.0.0.1:4318/v1/traces`. */
  url: string;
  headers: Readonly<Record<string, string>>;
}

const WITHIN_MS = 10_000;
/** OTLP/HTTP: these are to be tried again, everything else of 4xx and 5xx is not. */
const TRY_AGAIN = [429, 502, 503, 504];
const WAITS_MS = [1000, 5000, 20_000];
/** A collector that is away for long must not fill the memory; traces are no record, the store is. */
const MOST_WAITING = 500;

/** Sends the trace of each migration that ended to an OpenTelemetry collector. Nothing waits for it. */
export class TraceExport {
  readonly #options: TraceOptions;
  readonly #version: string;
  readonly #events: (id: number) => Promise<MigrationEvent[]>;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #waiting: MigrationRecord[] = [];
  #working: Promise<void> | null = null;
  #lost = 0;

  constructor(options: TraceOptions, version: string, events: (id: number) => Promise<MigrationEvent[]>, log: Logger) {
    this.#options = options;
    this.#version = version;
    this.#events = events;
    this.#log = log;
  }

  add(record: MigrationRecord): void {
    if (this.#stop.signal.aborted) return;
    this.#waiting.push(record);
    if (this.#waiting.length > MOST_WAITING) {
      this.#waiting.shift();
      this.#lost += 1;
    }
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let record = this.#waiting.shift(); record && !this.#stop.signal.aborted; record = this.#waiting.shift()) {
      try {
        await this.#send(record);
        if (this.#lost > 0) this.#log.warn({ traces: this.#lost }, 'traces were dropped: the collector was away');
        this.#lost = 0;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#lost += 1;
        this.#log.warn({ migration: record.id, error: describeError(error) }, 'a trace is not sent');
      }
    }
  }

  async #send(record: MigrationRecord): Promise<void> {
    const spans = spansOf(record, await this.#events(record.id), (digits) => randomBytes(digits / 2).toString('hex'));
    const { url, headers } = this.#options;
    const body = JSON.stringify(traceBody(spans, this.#version));
    for (const waitMs of [...WAITS_MS, null]) {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body,
        redirect: 'error',
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(WITHIN_MS)]),
      }).catch((error: unknown) => {
        if (waitMs === null) throw error;
        return null;
      });
      await answer?.body?.cancel();
      if (answer?.ok) return;
      if (answer && (waitMs === null || !TRY_AGAIN.includes(answer.status))) {
        throw new Error(`${url} answered HTTP ${answer.status}: check traces.url and traces.headers`);
      }
      await sleep(waitMs ?? 0, undefined, { signal: this.#stop.signal });
    }
  }
}
