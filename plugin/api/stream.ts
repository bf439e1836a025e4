import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { FeedPage, MigrationEvent, MigrationRecord, Notice, ProgressReport } from '../contract.ts';
import { DroverError, describeError } from '../errors.ts';
import { type Gaps, type Position, settled, writePosition } from './feed.ts';

/** What the streams are told from. */
export interface FeedSource {
  /** At most `limit` with a number above `after`, lowest first. */
  eventsAfter(after: number, limit: number): Promise<MigrationEvent[]>;
  notices(after: number, limit: number): Promise<Notice[]>;
  newestPosition(): Promise<Position>;
  /** Those that have not ended. */
  unfinished(): Promise<MigrationRecord[]>;
}

const MAX_STREAMS = 64;
const LOOK_EVERY_MS = 250;
const PROGRESS_EVERY_MS = 2000;
const HEARTBEAT_MS = 15_000;
const AT_ONCE = 500;
/** So much may wait for a reader; then it gets nothing more until it has read. */
const MAX_BEHIND_BYTES = 256 * 1024;
/** Whoever reads nothing for so long is cut off, and resumes where it was. */
const STALLED_MS = 30_000;

interface Stream {
  response: ServerResponse;
  at: Position;
  /** Since when it does not keep up, null: it does. */
  behindSinceMs: number | null;
}

/**
 * Streams of events (server-sent events, WHATWG HTML 9.2). Each has a place of its own in what the store holds, so that
 * one which begins anywhere in the past gets everything from there on, once and in order; the place goes with each event
 * as its id. Nothing is read while nobody listens. It is read from the store, so a follower tells the same as the leader.
 */
export class EventStreams {
  /** Streams that were cut off because their reader was too slow. */
  cutOff = 0;
  readonly #source: FeedSource;
  readonly #log: Logger;
  readonly #stalledMs: number;
  readonly #streams = new Set<Stream>();
  readonly #gaps: { event: Gaps; notice: Gaps } = { event: new Map(), notice: new Map() };
  #timers: NodeJS.Timeout[] = [];
  #looking: Promise<void> | null = null;
  #failed = false;

  constructor(source: FeedSource, log: Logger, { stalledMs = STALLED_MS }: { stalledMs?: number } = {}) {
    this.#source = source;
    this.#log = log;
    this.#stalledMs = stalledMs;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** What is behind a position, at most some hundred; with the position for the next page. */
  async page(from: Position | null): Promise<FeedPage> {
    if (from === null) return { migrations: [], notices: [], next: writePosition(await this.#source.newestPosition()) };
    const { events, notices, at } = await this.#read(from);
    return { migrations: events, notices, next: writePosition(at) };
  }

  /** @param from where the reader is, null: now. @throws DroverError `too-many-streams`. */
  async open(response: ServerResponse, from: Position | null): Promise<void> {
    if (this.#streams.size >= MAX_STREAMS) {
      const text = `${MAX_STREAMS} streams of events are open already: end one, or ask GET /v1/events?after=`;
      throw new DroverError('too-many-streams', text);
    }
    const newest = await this.#source.newestPosition();
    if (response.destroyed) return;
    // Numbers that are not reached yet are those of another database.
    const lost = from !== null && (from.event > newest.event || from.notice > newest.notice);
    const at = from === null || lost ? newest : from;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      // nginx would keep it back.
      'X-Accel-Buffering': 'no',
    });
    const stream: Stream = { response, at, behindSinceMs: null };
    response.on('close', () => this.#closed(stream));
    response.on('drain', () => this.#wake());
    this.#streams.add(stream);
    if (this.#streams.size === 1) this.#listen();
    response.write(`retry: 1000\n\nid: ${writePosition(at)}\nevent: ${lost ? 'reset' : 'hello'}\ndata: {}\n\n`);
    this.#wake();
  }

  /** Ends every stream; their readers connect again. */
  end(): void {
    for (const { response } of this.#streams) response.end();
  }

  #wake(): void {
    if (this.#looking || this.#streams.size === 0) return;
    this.#looking = this.#look().finally(() => {
      this.#looking = null;
    });
  }

  #listen(): void {
    this.#timers = [
      setInterval(() => this.#wake(), LOOK_EVERY_MS),
      setInterval(() => void this.#tellProgress(), PROGRESS_EVERY_MS),
      setInterval(() => this.#tellAll(': heartbeat\n\n'), HEARTBEAT_MS),
    ];
  }

  #closed(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  async #look(): Promise<void> {
    try {
      const newest = await this.#source.newestPosition();
      for (const stream of [...this.#streams]) await this.#advance(stream, newest);
      this.#failed = false;
    } catch (error) {
      // Each stream goes on from where it is when the store works again.
      if (!this.#failed) this.#log.warn({ error: describeError(error) }, 'the streams of events wait for the store');
      this.#failed = true;
    }
  }

  async #advance(stream: Stream, newest: Position): Promise<void> {
    while (stream.at.event < newest.event || stream.at.notice < newest.notice) {
      if (!this.#keepsUp(stream)) return;
      const { events, notices, at } = await this.#read(stream.at);
      if (events.length === 0 && notices.length === 0) return;
      const place = { ...stream.at };
      let text = '';
      for (const event of events) {
        place.event = event.id;
        text += message('migration', event, place);
      }
      for (const notice of notices) {
        place.notice = notice.id;
        text += message('notice', notice, place);
      }
      stream.at = at;
      stream.response.write(text);
    }
  }

  async #read(from: Position): Promise<{ events: MigrationEvent[]; notices: Notice[]; at: Position }> {
    const nowMs = Date.now();
    const [events, notices] = await Promise.all([
      this.#source.eventsAfter(from.event, AT_ONCE),
      this.#source.notices(from.notice, AT_ONCE),
    ]);
    const told = {
      events: settled(events, from.event, this.#gaps.event, nowMs),
      notices: settled(notices, from.notice, this.#gaps.notice, nowMs),
    };
    const at = { event: told.events.at(-1)?.id ?? from.event, notice: told.notices.at(-1)?.id ?? from.notice };
    return { ...told, at };
  }

  /** Whether it may be sent more; one that has read nothing for too long is cut off. */
  #keepsUp(stream: Stream): boolean {
    const { response } = stream;
    if (response.destroyed || response.writableEnded) return false;
    if (response.writableLength <= MAX_BEHIND_BYTES) {
      stream.behindSinceMs = null;
      return true;
    }
    stream.behindSinceMs ??= Date.now();
    if (Date.now() - stream.behindSinceMs < this.#stalledMs) return false;
    this.cutOff += 1;
    const place = writePosition(stream.at);
    this.#log.warn({ from: response.socket?.remoteAddress, place }, 'a stream of events is cut off: nobody reads it');
    response.destroy();
    return false;
  }

  /** What runs, as it is now: told to whoever keeps up, and of no interest later. */
  async #tellProgress(): Promise<void> {
    try {
      const running = (await this.#source.unfinished()).flatMap(({ id, state, progress }): ProgressReport[] =>
        progress ? [{ migrationId: id, state, ...progress }] : [],
      );
      if (running.length > 0) this.#tellAll(`event: progress\ndata: ${JSON.stringify(running)}\n\n`);
    } catch (error) {
      this.#log.debug({ error: describeError(error) }, 'no progress can be told');
    }
  }

  #tellAll(text: string): void {
    for (const stream of [...this.#streams]) if (this.#keepsUp(stream)) stream.response.write(text);
  }
}

function message(name: string, data: object, at: Position): string {
  return `id: ${writePosition(at)}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
