import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import { readBody } from './body.ts';
import { ProxyError } from './errors.ts';
import { fetchAnswer, streamThrough, writeAnswer, writeFault } from './forward.ts';
import { announcesBody, endToEnd, headerValues, isChunked } from './headers.ts';
import { type ActionTarget, actionTarget, liveMigrateAction } from './intercept.ts';
import { DEFAULT_LIMITS, type ProxyLimits } from './limits.ts';
import {
  acceptedAnswer,
  busyAnswer,
  type LiveMigrateHandler,
  refusedAnswer,
  type UpstreamAnswer,
  type Verdict,
} from './live-migrate.ts';
import { type OutgoingRequest, Upstream } from './upstream.ts';

export interface ProxyOptions {
  listen: { address: string; port: number };
  /** Nova's API. Only the origin counts: paths go through as clients write them. */
  upstream: string;
  /** Null: everything goes through. */
  onLiveMigrate: LiveMigrateHandler | null;
  log: Logger;
  limits?: Partial<ProxyLimits>;
}

/**
 * Stands between Nova's clients and Nova. Everything streams through as it is; a live migration is handed to
 * `onLiveMigrate` first.
 */
export class ProxyServer {
  readonly #options: ProxyOptions;
  readonly #limits: ProxyLimits;
  #server: Server | null = null;
  #upstream: Upstream | null = null;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  /** Listens; gives the address, with the real port where 0 was asked for. */
  async start(): Promise<{ address: string; port: number }> {
    const upstream = new Upstream(this.#options.upstream, this.#limits);
    const server = createServer({
      maxHeaderSize: this.#limits.headerBytes,
      headersTimeout: this.#limits.clientHeaderMs,
      requestTimeout: this.#limits.clientRequestMs,
      keepAliveTimeout: this.#limits.clientKeepAliveMs,
    });
    // node:http drops what is over its count without a word; the size is limited anyway.
    server.maxHeadersCount = 0;
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      this.#handle(upstream, request, response).catch((error: unknown) => {
        if (!response.destroyed) this.#options.log.error({ err: error, path: request.url }, 'proxy: request dropped');
        response.destroy();
      });
    };
    server.on('request', handle);
    // Expectations other than 100-continue mean nothing to Nova.
    server.on('checkExpectation', handle);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#options.listen.port, this.#options.listen.address, resolve);
    });
    this.#server = server;
    this.#upstream = upstream;
    const { address, port } = server.address() as AddressInfo;
    return { address, port };
  }

  /** Takes no new requests, lets the running ones end within `graceMs`, then cuts them off. */
  async stop(graceMs = 5000): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = null;
    const closed = new Promise((resolve) => server.close(resolve));
    const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cutOff);
    await this.#upstream?.close();
  }

  async #handle(upstream: Upstream, request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A Date of our own would be one that Nova did not send.
    response.sendDate = false;
    const refusal = refuse(request);
    if (refusal) {
      writeFault(refusal, request, response);
      return;
    }
    const { onLiveMigrate } = this.#options;
    const hasBody = announcesBody(request.rawHeaders);
    const target =
      onLiveMigrate && hasBody ? actionTarget(request.method ?? '', request.url ?? '', request.rawHeaders) : null;
    if (!onLiveMigrate || !target) {
      await this.#pass(upstream, request, response, hasBody ? request : null);
      return;
    }
    const body = await readBody(request, this.#limits.actionBodyBytes).catch(() => null);
    if (body === null) return;
    if ('stream' in body) await this.#pass(upstream, request, response, body.stream);
    else await this.#action(upstream, request, response, target, body.whole, onLiveMigrate);
  }

  async #pass(
    upstream: Upstream,
    request: IncomingMessage,
    response: ServerResponse,
    body: Readable | Buffer | null,
  ): Promise<void> {
    const error = await streamThrough(upstream, outgoing(request, body), request, response);
    if (error) {
      const { method, url: path } = request;
      this.#options.log.warn({ err: error, code: error.code, method, path }, 'proxy: no answer from Nova');
    }
  }

  async #action(
    upstream: Upstream,
    request: IncomingMessage,
    response: ServerResponse,
    target: ActionTarget,
    rawBody: Buffer,
    onLiveMigrate: LiveMigrateHandler,
  ): Promise<void> {
    const pass = () => this.#pass(upstream, request, response, rawBody);
    const action = liveMigrateAction(target, rawBody);
    if (!action) return pass();

    const sent: { answer: Promise<UpstreamAnswer> | null } = { answer: null };
    const forward = () => {
      if (sent.answer === null) {
        const original = outgoing(request, rawBody);
        sent.answer = fetchAnswer(upstream, original, this.#limits.answerBytes);
        // Whoever asked for it hears of a failure; nobody else needs to.
        sent.answer.catch(() => {});
      }
      return sent.answer;
    };
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    const verdict = await this.#ask(onLiveMigrate, request, action, rawBody, gone.signal, forward);
    try {
      const { legacyV2 } = target;
      if (verdict.kind === 'accepted') writeAnswer(acceptedAnswer(verdict, legacyV2), request, response);
      else if (verdict.kind === 'busy') writeAnswer(busyAnswer(action.serverId, verdict, legacyV2), request, response);
      else if (verdict.kind === 'refused')
        writeAnswer(refusedAnswer(action.serverId, verdict, legacyV2), request, response);
      else if (verdict.kind === 'answered') writeAnswer(verdict.answer, request, response);
      // What went to Nova once must not go there again.
      else if (sent.answer) writeAnswer(await sent.answer, request, response);
      else await pass();
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      this.#options.log.warn({ err: error, code: error.code, serverId: action.serverId }, 'proxy: no answer from Nova');
      if (!response.headersSent) writeFault(error, request, response);
    }
  }

  async #ask(
    onLiveMigrate: LiveMigrateHandler,
    request: IncomingMessage,
    action: NonNullable<ReturnType<typeof liveMigrateAction>>,
    rawBody: Buffer,
    signal: AbortSignal,
    forward: () => Promise<UpstreamAnswer>,
  ): Promise<Verdict> {
    try {
      return await onLiveMigrate(
        {
          ...action,
          rawBody,
          token: headerValues(request.rawHeaders, 'x-auth-token')[0] ?? null,
          clientAddress: request.socket.remoteAddress ?? '',
          method: request.method ?? '',
          path: request.url ?? '',
          rawHeaders: request.rawHeaders,
          receivedAtMs: Date.now(),
          signal,
        },
        forward,
      );
    } catch (error) {
      this.#options.log.error({ err: error, serverId: action.serverId }, 'live migration goes to Nova unmanaged');
      return { kind: 'forward' };
    }
  }
}

function outgoing(request: IncomingMessage, body: Readable | Buffer | null): OutgoingRequest {
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: endToEnd(request.rawHeaders),
    body: body && sameFraming(request, body),
  };
}

/** A body that came in chunks goes on in chunks: a server behind may take only the one or the other. */
function sameFraming(request: IncomingMessage, body: Readable | Buffer): OutgoingRequest['body'] {
  return isChunked(request.rawHeaders) ? inChunks(body) : body;
}

/** undici gives a length to every stream that is there as a whole, but not to a generator. */
async function* inChunks(body: Readable | Buffer): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(body)) yield body;
  else yield* body.iterator({ destroyOnReturn: false });
}

/** Requests that two servers could read in two ways. node:http refuses the others (both lengths, two lengths, bare LF). */
function refuse(request: IncomingMessage): ProxyError | null {
  if (headerValues(request.rawHeaders, 'host').length > 1) {
    return new ProxyError('request-invalid', 'More than one Host header field.');
  }
  const codings = headerValues(request.rawHeaders, 'transfer-encoding');
  if (codings.some((coding) => coding.trim().toLowerCase() !== 'chunked')) {
    return new ProxyError('encoding-unsupported', 'Only the transfer coding "chunked" is understood.');
  }
  return null;
}
