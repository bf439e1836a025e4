import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import axios from 'axios';
import { MigrationEvent, Notice, ProgressReport } from 'drover-plugin/contract';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { ControlAddress } from '../config.ts';
import { describeError } from '../errors.ts';
import { connection } from './client.ts';
import { type SseMessage, SseReader } from './sse.ts';

/** What the stream of events says, in its order. `place`: whoever has taken this in goes on behind it. */
export type News =
  | { kind: 'migration'; place: string; event: MigrationEvent }
  | { kind: 'notice'; place: string; notice: Notice }
  | { kind: 'progress'; reports: ProgressReport[] }
  /** The stream begins (anew); `isReset`: it is another database, so all that was known must be read anew. */
  | { kind: 'begins'; place: string; isReset: boolean };

export interface FeedParts {
  address: ControlAddress;
  token: string | null;
  /** Where to go on, null: from now on. */
  place: () => Promise<string | null>;
  /** Takes in what came together; the next is read when this has resolved. If it throws, it comes again. */
  take: (news: News[]) => Promise<void>;
  log: Logger;
}

const CONNECT_WITHIN_MS = 10_000;
/** The plugin sends a comment every 15 s. */
const SILENT_MS = 40_000;
const AGAIN_MS = [500, 1000, 2000, 5000] as const;

/** Reads `GET /v1/events/stream` for as long as the bot lives, and goes on where it was after every interruption. */
export class Feed {
  /** It is open now. */
  isOpen = false;
  readonly #parts: FeedParts;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#read(() => {
          if (failures > 0) this.#parts.log.info('the control API tells its events again');
          failures = 0;
        });
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (failures === 0) this.#parts.log.warn({ error: describeError(error) }, 'no events from the control API');
        failures += 1;
      }
      this.isOpen = false;
      const againMs = AGAIN_MS[Math.min(failures, AGAIN_MS.length) - 1] ?? AGAIN_MS[0];
      await sleep(againMs, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  async #read(opened: () => void): Promise<void> {
    const { address, token, place, take } = this.#parts;
    const at = await place();
    const base = connection(address, token) as { headers: object };
    const ended = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, ended.signal]);
    const late = setTimeout(() => ended.abort(new Error('no answer')), CONNECT_WITHIN_MS);
    const { data: stream } = await axios
      .request<Readable>({
        ...base,
        url: '/v1/events/stream',
        responseType: 'stream',
        signal,
        headers: { ...base.headers, Accept: 'text/event-stream', ...(at === null ? {} : { 'Last-Event-ID': at }) },
      })
      .finally(() => clearTimeout(late));
    this.isOpen = true;
    opened();
    const reader = new SseReader();
    const decoder = new TextDecoder();
    let timer = setTimeout(() => stream.destroy(new Error('it says nothing any more')), SILENT_MS);
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        clearTimeout(timer);
        const heard = reader.read(decoder.decode(chunk, { stream: true })).flatMap((message) => newsOf(message) ?? []);
        if (heard.length > 0) await take(heard);
        timer = setTimeout(() => stream.destroy(new Error('it says nothing any more')), SILENT_MS);
      }
    } finally {
      clearTimeout(timer);
      stream.destroy();
    }
  }
}

function newsOf({ event, id: place, data }: SseMessage): News | null {
  const value: unknown = JSON.parse(data);
  switch (event) {
    case 'hello':
    case 'reset':
      return { kind: 'begins', place, isReset: event === 'reset' };
    case 'migration':
      return { kind: 'migration', place, event: MigrationEvent.parse(value) };
    case 'notice':
      return { kind: 'notice', place, notice: Notice.parse(value) };
    case 'progress':
      return { kind: 'progress', reports: z.array(ProgressReport).parse(value) };
    default:
      // A newer plugin says more.
      return null;
  }
}
