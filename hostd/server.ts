import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { z } from 'zod';
import {
  type ErrorAnswer,
  type Health,
  type HostInfo,
  type HostSample,
  Lease,
  LeaseRequest,
  type LeasesAnswer,
  type MigrationsAnswer,
} from './contract.ts';
import { describeError, HostdError } from './errors.ts';

/** What the calls of the contract are answered from. */
export interface Service {
  info(): HostInfo;
  sample(): HostSample;
  migrations(after: number, waitMs: number, signal: AbortSignal): Promise<MigrationsAnswer>;
  leases(): LeasesAnswer;
  /** `client` is the common name of the caller's certificate. */
  putLease(leaseId: string, request: LeaseRequest, client: string): Promise<Lease>;
  deleteLease(leaseId: string, fence: number, client: string): Promise<void>;
  health(): Health;
}

export interface ServerOptions {
  address: string;
  port: number;
  tls: { cert: string; key: string; ca: string };
}

const MAX_BODY_BYTES = 64 * 1024;
const MAX_WAIT_MS = 30_000;

/** Node gives numbers of a query as text. `after` below the first revision means: answer at once. */
const MigrationsQuery = z.object({
  after: z.coerce.number().int().min(-1).default(-1),
  waitMs: z.coerce.number().int().min(0).max(MAX_WAIT_MS).default(0),
});

const FenceQuery = z.object({ fence: z.coerce.number().int().nonnegative() });

/** The HTTPS front of hostd. Whoever has no certificate of the configured CA does not get past the TLS handshake. */
export class ApiServer {
  readonly #service: Service;
  readonly #log: Logger;
  readonly #options: ServerOptions;
  #server: Server | null = null;
  readonly #stopping = new AbortController();

  constructor(service: Service, options: ServerOptions, log: Logger) {
    this.#service = service;
    this.#options = options;
    this.#log = log;
  }

  /** Resolves with the port it listens on. @throws HostdError `config-invalid` if a certificate or the address is no good. */
  async start(): Promise<number> {
    const { address, port, tls } = this.#options;
    const read = (name: keyof typeof tls) => {
      try {
        return readFileSync(tls[name]);
      } catch (error) {
        throw new HostdError('config-invalid', `tls.${name}: ${describeError(error)}`);
      }
    };
    const server = createServer(
      {
        cert: read('cert'),
        key: read('key'),
        ca: read('ca'),
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
        handshakeTimeout: 5000,
        requestTimeout: 10_000,
        headersTimeout: 5000,
        maxHeaderSize: 8 * 1024,
      },
      (request, response) => void this.#answer(request, response),
    );
    server.maxConnections = 256;
    server.on('tlsClientError', (error, socket: Socket) => {
      this.#log.debug({ from: socket.remoteAddress, error: error.message }, 'TLS handshake refused');
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(new HostdError('config-invalid', `Cannot listen on ${address} port ${port}`, { cause: error })),
      );
      server.listen(port, address, resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const server = this.#server;
    if (server === null) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const force = setTimeout(() => server.closeAllConnections(), 2000);
    await closed;
    clearTimeout(force);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await this.#route(request, response);
      if (body === undefined) response.writeHead(204).end();
      else send(response, 200, body);
    } catch (error) {
      const known =
        error instanceof HostdError
          ? error
          : new HostdError('internal', 'hostd has a fault; its log tells more', { cause: error });
      if (known.status >= 500) this.#log.error({ url: request.url, error: describeError(error) }, 'A call failed');
      const answer: ErrorAnswer = {
        error: { code: known.code, message: describeError(known), retryable: known.retryable },
      };
      // The rest of a body that was refused is not read.
      if (known.code === 'body-too-large') response.setHeader('Connection', 'close');
      send(response, known.status, answer);
    }
  }

  /** Undefined: no content. */
  async #route(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const url = new URL(request.url ?? '/', 'https://hostd');
    const { method = 'GET' } = request;
    const lease = /^\/v1\/leases\/([^/]+)$/.exec(url.pathname)?.[1];
    const routes: Record<string, () => unknown> = {};
    if (lease !== undefined) {
      routes.PUT = async () => {
        const leaseId = parse(Lease.shape.leaseId, decode(lease), 'The lease id');
        return this.#service.putLease(
          leaseId,
          parse(LeaseRequest, await readJson(request), 'The lease'),
          clientName(request),
        );
      };
      routes.DELETE = () => {
        const { fence } = parse(FenceQuery, Object.fromEntries(url.searchParams), 'The query');
        return this.#service.deleteLease(decode(lease), fence, clientName(request));
      };
    } else {
      const get = this.#getRoutes(url, response)[url.pathname];
      if (get === undefined)
        throw new HostdError('route-unknown', `There is no ${url.pathname}. See the table in hostd/contract.ts.`);
      routes.GET = get;
    }
    const handler = routes[method];
    if (handler !== undefined) return handler();
    const allowed = Object.keys(routes).join(', ');
    response.setHeader('Allow', allowed);
    throw new HostdError('method-not-allowed', `${url.pathname} takes ${allowed}, not ${method}.`);
  }

  #getRoutes(url: URL, response: ServerResponse): Record<string, () => unknown> {
    return {
      '/v1/host': () => this.#service.info(),
      '/v1/sample': () => this.#service.sample(),
      '/v1/leases': () => this.#service.leases(),
      '/healthz': () => this.#service.health(),
      '/v1/migrations': () => {
        const query = parse(MigrationsQuery, Object.fromEntries(url.searchParams), 'The query');
        const gone = new AbortController();
        response.on('close', () => gone.abort());
        return this.#service.migrations(
          query.after,
          query.waitMs,
          AbortSignal.any([gone.signal, this.#stopping.signal]),
        );
      },
    };
  }
}

/** Common name of the caller's certificate, which the handshake has verified. */
function clientName(request: IncomingMessage): string {
  const { subject } = (request.socket as TLSSocket).getPeerCertificate();
  return String(subject?.CN ?? '');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  const text = JSON.stringify(body);
  response
    .writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) })
    .end(text);
}

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(whole)'}: ${issue.message}`);
  throw new HostdError('request-invalid', `${what} is not as the contract says: ${issues.join('; ')}.`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HostdError('request-invalid', 'The lease id is not valid percent-encoding.');
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new HostdError('body-too-large', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new HostdError('request-invalid', `The body is not JSON: ${describeError(error)}. Send one JSON object.`);
  }
}
