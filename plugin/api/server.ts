import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, ListenOptions } from 'node:net';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import type { AuditEntry, ErrorAnswer } from '../contract.ts';
import { DroverError, describeError } from '../errors.ts';
import { ANYONE, type Authenticator, LOCAL, type Principal } from './authenticate.ts';
import { certificateStamp, readCertificate, type TlsFiles } from './certificate.ts';
import { listens } from './listens.ts';
import { authorise } from './roles.ts';
import { findRoute, type Handlers, Reply, streamed, Text } from './routes.ts';

export interface ServerOptions {
  /** Path of the unix socket, which only its owner may open. */
  socket: string;
  /** The network, with what shows who calls there; null: the socket alone. */
  listen: { address: string; port: number; tls: TlsFiles | null; authenticator: Authenticator } | null;
}

const MAX_CONNECTIONS = 512;
const LOOK_AT_CERTIFICATE_MS = 5000;
const LIMITS = { requestTimeout: 10_000, headersTimeout: 5000, maxHeaderSize: 16 * 1024 };

/** The control API (contract.ts): the same calls on a unix socket and, where configured, on HTTP or HTTPS. */
export class ControlServer {
  /** Why the certificate in use is not the one on disk, null if it is. */
  problem: string | null = null;
  /** `GET /v1/hosts 200` and so on. */
  readonly answers = new Map<string, number>();
  readonly #options: ServerOptions;
  readonly #handlers: Handlers;
  readonly #audit: (entry: Omit<AuditEntry, 'id'>) => void;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #servers: (Server | TlsServer)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #stamp = '';

  constructor(options: ServerOptions, handlers: Handlers, audit: (entry: Omit<AuditEntry, 'id'>) => void, log: Logger) {
    this.#options = options;
    this.#handlers = handlers;
    this.#audit = audit;
    this.#log = log;
  }

  /**
   * Takes the socket, also in place of one that a killed process left, and the port. Resolves with the port, null where
   * none is configured.
   *
   * @throws DroverError `config-invalid`: another plugin answers at the socket, the port is taken, the certificate is no good.
   */
  async start(): Promise<number | null> {
    const { socket, listen } = this.#options;
    mkdirSync(dirname(socket), { recursive: true });
    if (await listens(socket)) {
      throw new DroverError('config-invalid', `${socket}: another drover-plugin is running; stop it first`);
    }
    rmSync(socket, { force: true });
    await this.#listen(createServer(LIMITS, this.#listener(null)), { path: socket }, `controlSocket ${socket}`);
    chmodSync(socket, 0o600);
    if (!listen) return null;
    const { address, port, tls, authenticator } = listen;
    const listener = this.#listener(authenticator);
    const server = tls
      ? createTlsServer({ ...LIMITS, ...readCertificate(tls), minVersion: 'TLSv1.2', handshakeTimeout: 5000 }, listener)
      : createServer(LIMITS, listener);
    await this.#listen(server, { host: address, port }, `control.listen ${address} port ${port}`);
    if (tls) this.#watch(server as TlsServer, tls);
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#timer);
    const servers = this.#servers;
    this.#servers = [];
    await Promise.all(
      servers.map((server) => {
        const closed = new Promise((resolve) => server.close(resolve));
        server.closeAllConnections();
        return closed;
      }),
    );
  }

  async #listen(server: Server | TlsServer, where: ListenOptions, what: string): Promise<void> {
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) =>
        reject(new DroverError('config-invalid', `cannot listen on ${what}: set it to what is free`, { cause })),
      );
      server.listen(where, resolve);
    });
    this.#servers.push(server);
  }

  /** A certificate that is being replaced does not fit its key for a moment: the next look takes it. */
  #watch(server: TlsServer, tls: TlsFiles): void {
    this.#stamp = certificateStamp(tls);
    this.#timer = setInterval(() => {
      const stamp = certificateStamp(tls);
      if (stamp === this.#stamp) return;
      try {
        server.setSecureContext({ ...readCertificate(tls), minVersion: 'TLSv1.2' });
        this.#stamp = stamp;
        this.problem = null;
        this.#log.info('the certificate of the control API has changed on disk and is taken up');
      } catch (error) {
        this.problem = `the certificate on disk cannot be taken up, the one before goes on: ${describeError(error)}`;
        this.#log.warn({ error: describeError(error) }, 'the certificate of the control API cannot be taken up');
      }
    }, LOOK_AT_CERTIFICATE_MS);
    this.#timer.unref();
  }

  #listener(authenticator: Authenticator | null): RequestListener {
    return (request, response) => {
      this.#answer(request, response, authenticator).catch((error: unknown) => {
        this.#log.error({ error: describeError(error) }, 'a call of the control API could not be answered');
        response.destroy();
      });
    };
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    authenticator: Authenticator | null,
  ): Promise<void> {
    const { method = 'GET' } = request;
    // Taken now: a request that is given up half way has no socket any more.
    const address = request.socket.remoteAddress ?? '';
    const requestId = `req-${randomUUID()}`;
    response.setHeader('X-Request-Id', requestId);
    let call = `${method in KNOWN_METHODS ? method : 'other'} other`;
    let principal: Principal | null = authenticator ? null : LOCAL;
    response.on('close', () => {
      const key = `${call} ${response.statusCode}`;
      this.answers.set(key, (this.answers.get(key) ?? 0) + 1);
    });
    // What the call itself refuses, it writes down itself.
    let allowed = false;
    const asked = { method, path: request.url ?? '/', address, requestId };
    try {
      const url = parseUrl(asked.path);
      const open = authenticator ? isOpen(method, url.pathname) : false;
      principal = open ? ANYONE : !authenticator ? LOCAL : await authenticator.principal(request, address);
      const route = findRoute(method, url.pathname);
      call = route.call;
      if (route.role !== 'anyone') authorise(principal, route.role, route.call);
      allowed = true;
      const gone = new AbortController();
      response.on('close', () => gone.abort());
      const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
      const { params } = route;
      const handler = this.#handlers[route.call];
      send(response, await handler({ request, response, url, params, principal, requestId, signal }));
    } catch (error) {
      this.#refuse(asked, principal, allowed, response, error);
    }
  }

  #refuse(
    asked: { method: string; path: string; address: string; requestId: string },
    principal: Principal | null,
    allowed: boolean,
    response: ServerResponse,
    error: unknown,
  ): void {
    const { requestId } = asked;
    const known =
      error instanceof DroverError ? error : new DroverError('internal', 'the plugin has a fault; its log tells more');
    const who = principal?.name ?? 'unknown';
    const call = { ...asked, path: asked.path.split('?')[0], who };
    if (known.status >= 500)
      this.#log.error({ ...call, error: describeError(error) }, 'a call of the control API failed');
    if (!allowed && (known.code === 'forbidden' || known.code === 'unauthenticated')) {
      this.#log.warn({ ...call, code: known.code }, 'a call of the control API is refused');
      this.#audit({
        atMs: Date.now(),
        who,
        via: principal?.via ?? 'none',
        action: asked.method,
        target: call.path?.slice(0, MAX_TARGET_LENGTH) ?? null,
        decision: known.code,
        requestId,
        details: { address: asked.address },
      });
    }
    for (const [name, value] of Object.entries(known.headers)) response.setHeader(name, value);
    if (known.code === 'unauthenticated') response.setHeader('WWW-Authenticate', 'Bearer realm="drover"');
    // The rest of a body that was refused is not read.
    if (known.code === 'body-too-large') response.setHeader('Connection', 'close');
    const answer: ErrorAnswer = {
      error: { code: known.code, message: describeError(known), retryable: known.retryable, requestId },
    };
    send(response, new Reply(known.status, answer));
  }
}

const MAX_TARGET_LENGTH = 200;
const KNOWN_METHODS = { GET: true, POST: true, DELETE: true, PATCH: true, PUT: true, HEAD: true };

/** What anyone may call, with a token or without. */
function isOpen(method: string, path: string): boolean {
  try {
    return findRoute(method, path).role === 'anyone';
  } catch {
    return false;
  }
}

function send(response: ServerResponse, answer: unknown): void {
  if (answer === streamed || response.destroyed || response.headersSent) return;
  const { status, value, headers } = answer instanceof Reply ? answer : new Reply(200, answer);
  const { type, text } = value instanceof Text ? value : new Text('application/json', JSON.stringify(value));
  const own = { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store' };
  response.writeHead(status, { ...own, ...headers }).end(text);
}

/** @throws DroverError `request-invalid`: Node lets targets through that are no URL, such as `//`. */
function parseUrl(target: string): URL {
  try {
    return new URL(`http://control${target}`);
  } catch {
    throw new DroverError('request-invalid', 'the target of the request is not a path');
  }
}
