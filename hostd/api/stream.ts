import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { HostSample } from '../contract.ts';
import { describeError, HostdError } from '../errors.ts';
import type { Service } from './routes.ts';

const MAX_STREAMS = 16;
const HEARTBEAT_MS = 15_000;
/** Three samples of 1,000 VMs: who is further behind reads too slowly, and is cut off instead of filling the memory. */
const MAX_BEHIND_BYTES = 1024 * 1024;

type Source = Pick<Service, 'sample' | 'migrations' | 'onSample' | 'onMigrations'>;

interface Stream {
  response: ServerResponse;
  vms: boolean;
}

/**
 * The streams of events (server-sent events, WHATWG HTML section 9.2). Nothing is listened to, read or written while
 * nobody listens; what is written is made once for all streams.
 */
export class EventStreams {
  readonly #service: Source;
  readonly #log: Logger;
  readonly #streams = new Set<Stream>();
  #unsubscribe: (() => void)[] = [];
  #changed = false;
  /** Streams that were cut off because their reader was too slow. */
  cutOff = 0;

  constructor(service: Source, log: Logger) {
    this.#service = service;
    this.#log = log;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** @throws HostdError `too-many-streams`. */
  open(response: ServerResponse, vms: boolean): void {
    if (this.#streams.size >= MAX_STREAMS) {
      throw new HostdError(
        'too-many-streams',
        `${MAX_STREAMS} streams of events are open already. End one, or ask for /v1/sample.`,
      );
    }
    const stream = { response, vms };
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.on('close', () => this.#closed(stream));
    this.#streams.add(stream);
    if (this.#streams.size === 1) this.#listen();
    response.write('retry: 1000\n\n');
    void this.#sendMigrations([stream]);
  }

  /** Ends every stream; their readers connect again if they want to. */
  end(): void {
    for (const { response } of this.#streams) response.end();
  }

  #listen(): void {
    const heartbeat = setInterval(() => this.#write([...this.#streams], ': heartbeat\n\n'), HEARTBEAT_MS);
    this.#unsubscribe = [
      () => clearInterval(heartbeat),
      this.#service.onSample(() => this.#sendSample()),
      this.#service.onMigrations(() => this.#migrationsChanged()),
    ];
  }

  #closed(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#unsubscribe = [];
  }

  #sendSample(): void {
    let sample: HostSample;
    try {
      sample = this.#service.sample();
    } catch {
      // There is none now: /healthz tells why.
      return;
    }
    const streams = [...this.#streams];
    const withVms = streams.filter(({ vms }) => vms);
    const without = streams.filter(({ vms }) => !vms);
    if (withVms.length > 0) this.#write(withVms, event('sample', sample));
    if (without.length > 0) this.#write(without, event('sample', { ...sample, vms: [] }));
  }

  /** Several changes of one turn of the event loop are told as one. */
  #migrationsChanged(): void {
    if (this.#changed) return;
    this.#changed = true;
    setImmediate(() => {
      this.#changed = false;
      void this.#sendMigrations([...this.#streams]);
    });
  }

  async #sendMigrations(streams: readonly Stream[]): Promise<void> {
    if (streams.length === 0) return;
    try {
      const answer = await this.#service.migrations(-1, 0, AbortSignal.abort());
      this.#write(streams, event('migrations', answer));
    } catch (error) {
      this.#log.error({ error: describeError(error) }, 'Cannot tell the migrations to the streams');
    }
  }

  #write(streams: readonly Stream[], text: string): void {
    for (const { response } of streams) {
      if (response.destroyed || response.writableEnded) continue;
      response.write(text);
      if (response.writableLength <= MAX_BEHIND_BYTES) continue;
      this.cutOff += 1;
      this.#log.warn(
        { from: response.socket?.remoteAddress, behindBytes: response.writableLength },
        'A stream of events is cut off: its reader is too slow',
      );
      response.destroy();
    }
  }
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
