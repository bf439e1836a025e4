import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import { type ProxyError, upstreamError } from './errors.ts';
import type { ProxyLimits } from './limits.ts';

/** A request on its way to Nova; `headers` are end-to-end fields, names and values in turn. */
export interface OutgoingRequest {
  method: string;
  /** As the client wrote it. */
  path: string;
  headers: string[];
  /** A generator's is sent in chunks, whatever is known of its length. */
  body: Readable | Buffer | AsyncGenerator<Buffer> | null;
}

/** Takes Nova's answer piece by piece. After `failed` or `ended` nothing more comes. */
export interface AnswerReceiver {
  /** The request is going out; `controller` aborts it, and pauses and resumes its answer. */
  started(controller: Dispatcher.DispatchController): void;
  head(status: number, statusMessage: string, rawHeaders: string[]): void;
  data(chunk: Buffer): void;
  ended(rawTrailers: string[]): void;
  failed(error: ProxyError): void;
}

/** Losing a kept connection before any answer: the server closed it while the request was on its way. */
const CONNECTION_LOST = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/**
 * Nova's API. What only reads goes over kept connections and is sent once more if such a connection turns out to be
 * closed; everything else gets a connection of its own, since nobody could tell whether it was carried out.
 */
export class Upstream {
  readonly #kept: Pool;
  readonly #fresh: Pool;

  /** `url`: only its origin is used, paths go through as the clients write them. */
  constructor(url: string, limits: ProxyLimits) {
    const { origin } = new URL(url);
    const options: Pool.Options = {
      connections: limits.upstreamConnections,
      headersTimeout: limits.upstreamAnswerMs,
      bodyTimeout: limits.upstreamAnswerMs,
      connect: { timeout: limits.upstreamConnectMs },
      maxHeaderSize: limits.headerBytes,
    };
    this.#kept = new Pool(origin, { ...options, pipelining: 1 });
    this.#fresh = new Pool(origin, { ...options, pipelining: 0 });
  }

  send(request: OutgoingRequest, receiver: AnswerReceiver): void {
    const readsOnly = (request.method === 'GET' || request.method === 'HEAD') && request.body === null;
    this.#attempt(readsOnly ? this.#kept : this.#fresh, request, receiver, readsOnly);
  }

  async close(): Promise<void> {
    await Promise.all([this.#kept.destroy(), this.#fresh.destroy()]);
  }

  #attempt(pool: Pool, request: OutgoingRequest, receiver: AnswerReceiver, mayRepeat: boolean): void {
    let sent = false;
    let answered = false;
    pool.dispatch(
      // undici takes any method that is a token and any iterable body; its types name the usual ones.
      { ...request, method: request.method as Dispatcher.HttpMethod, body: request.body as Readable | Buffer | null },
      {
        onRequestStart(controller) {
          sent = true;
          receiver.started(controller);
        },
        onResponseStart(controller, status, _headers, statusMessage) {
          answered = true;
          // 1xx: the answer itself is still to come.
          if (status >= 200) receiver.head(status, statusMessage ?? '', latin1(controller.rawHeaders));
        },
        onResponseData(_controller, chunk) {
          receiver.data(chunk);
        },
        onResponseEnd(controller) {
          receiver.ended(latin1(controller.rawTrailers));
        },
        onResponseError: (_controller, error: Error & { code?: string }) => {
          if (mayRepeat && sent && !answered && CONNECTION_LOST.has(error.code ?? '')) {
            this.#attempt(this.#fresh, request, receiver, false);
          } else {
            receiver.failed(upstreamError(error, sent));
          }
        },
      },
    );
  }
}

/** Header bytes as node:http reads and writes them. */
function latin1(raw: unknown): string[] {
  return Array.isArray(raw) ? raw.map((part) => (Buffer.isBuffer(part) ? part.toString('latin1') : String(part))) : [];
}
