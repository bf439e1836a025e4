import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { ErrorAnswer } from '../contract.ts';
import { describeError, HostdError } from '../errors.ts';
import { certificateStamp, readCertificates, type TlsFiles } from './certificates.ts';
import { authorise, type Clients, clientName, type Subject } from './roles.ts';
import { createRoutes, type Reply, type Route, type Routes, type Service, streamed, Text } from './routes.ts';
import { EventStreams } from './stream.ts';

export interface ServerOptions {
  address: string;
  port: number;
  tls: TlsFiles;
  clients: Clients;
}

const MAX_CONNECTIONS = 256;
/** Nobody alone can take all of them, with or without a certificate. */
const MAX_CONNECTIONS_PER_ADDRESS = 64;
const LOOK_AT_CERTIFICATES_MS = 5000;

/** What the server counts of itself. */
export interface ServerFigures {
  /** `GET /v1/host 200` and so on: routes of the contract only, so that a caller cannot make new ones. */
  answers: ReadonlyMap<string, number>;
  refusedHandshakes: number;
  refusedConnections: number;
  streams: number;
  streamsCutOff: number;
}

/** The HTTPS front of hostd. Whoever has no certificate of the configured CA does not get past the TLS handshake. */
export class ApiServer {
  /** Why the certificates in use are not those on disk, null if they are. */
  problem: string | null = null;
  readonly #options: ServerOptions;
  readonly #log: Logger;
  readonly #routes: Routes;
  readonly #streams: EventStreams;
  readonly #stopping = new AbortController();
  readonly #perAddress = new Map<string, number>();
  readonly #answers = new Map<string, number>();
  #clients: Clients;
  #server: Server | null = null;
  #open = false;
  #stamp = '';
  /** Raised at every reload: a connection from before is closed after its answer, so that its owner is verified again. */
  #generation = 0;
  readonly #generations = new WeakMap<object, number>();
  #timer: NodeJS.Timeout | undefined;
  #refusedHandshakes = 0;
  #refusedConnections = 0;

  constructor(service: Service, options: ServerOptions, log: Logger) {
    this.#options = options;
    this.#clients = options.clients;
    this.#log = log;
    this.#streams = new EventStreams(service, log);
    this.#routes = createRoutes(service, (response, vms) => this.#streams.open(response, vms));
  }

  /**
   * Takes the port, and answers 503 until `open` is called: hostd touches nothing before it knows that it can serve.
   * Resolves with the port. @throws HostdError `config-invalid` if a certificate or the address is no good.
   */
  async start(): Promise<number> {
    const { address, port, tls } = this.#options;
    const log = this.#log;
    this.#stamp = certificateStamp(tls);
    const server = createServer(
      {
        ...readCertificates(tls),
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
        handshakeTimeout: 5000,
        requestTimeout: 10_000,
        headersTimeout: 5000,
        maxHeaderSize: 8 * 1024,
      },
      (request, response) => {
        this.#answer(request, response).catch((error) => {
          log.error({ error: describeError(error) }, 'A call could not be answered');
          response.destroy();
        });
      },
    );
    server.maxConnections = MAX_CONNECTIONS;
    server.on('connection', (socket: Socket) => this.#connected(socket));
    server.on('secureConnection', (socket) => this.#generations.set(socket, this.#generation));
    server.on('tlsClientError', (error, socket) => {
      this.#refusedHandshakes += 1;
      const why = String(socket.authorizationError ?? (error as NodeJS.ErrnoException).code ?? error.message);
      log.warn({ from: socket.remoteAddress, why }, 'TLS handshake refused');
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(
          new HostdError('config-invalid', `Cannot listen on ${address} port ${port}: set "listen" to what is free`, {
            cause: error,
          }),
        ),
      );
      server.listen(port, address, resolve);
    });
    this.#timer = setInterval(() => this.#look(), LOOK_AT_CERTIFICATES_MS);
    return (server.address() as AddressInfo).port;
  }

  /** From now on calls are answered. */
  open(): void {
    this.#open = true;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#timer);
    const server = this.#server;
    if (server === null || !server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.#streams.end();
    server.closeIdleConnections();
    const force = setTimeout(() => server.closeAllConnections(), 2000);
    await closed;
    clearTimeout(force);
  }

  /**
   * Takes up the certificates on disk and these clients; every client has to show its certificate again.
   * @throws HostdError `config-invalid` if a certificate is no good, and then all is as before.
   */
  reload(clients: Clients = this.#clients): void {
    const { tls } = this.#options;
    const stamp = certificateStamp(tls);
    try {
      this.#server?.setSecureContext({ ...readCertificates(tls), minVersion: 'TLSv1.3' });
    } catch (error) {
      this.problem = `The certificates on disk cannot be taken up, those before them go on: ${describeError(error)}`;
      throw error;
    }
    this.problem = null;
    this.#stamp = stamp;
    this.#clients = clients;
    this.#generation += 1;
    this.#streams.end();
    this.#server?.closeIdleConnections();
  }

  figures(): ServerFigures {
    return {
      answers: this.#answers,
      refusedHandshakes: this.#refusedHandshakes,
      refusedConnections: this.#refusedConnections,
      streams: this.#streams.count,
      streamsCutOff: this.#streams.cutOff,
    };
  }

  /** Files that are being replaced one after the other do not fit each other for a moment: the next look takes them. */
  #look(): void {
    if (certificateStamp(this.#options.tls) === this.#stamp) return;
    try {
      this.reload();
      this.#log.info('Certificates have changed on disk and are taken up');
    } catch (error) {
      this.#log.warn({ error: describeError(error) }, 'Certificates have changed on disk and cannot be taken up');
    }
  }

  #connected(socket: Socket): void {
    const from = socket.remoteAddress ?? '';
    const count = (this.#perAddress.get(from) ?? 0) + 1;
    this.#perAddress.set(from, count);
    socket.once('close', () => {
      const left = (this.#perAddress.get(from) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(from, left);
      else this.#perAddress.delete(from);
    });
    if (count <= MAX_CONNECTIONS_PER_ADDRESS) return;
    this.#refusedConnections += 1;
    this.#log.warn({ from }, 'Connection refused: this address has too many');
    socket.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET' } = request;
    // Taken now: a request that is given up half way has no socket any more.
    const from = request.socket.remoteAddress;
    let pattern = 'other';
    response.on('close', () => {
      const key = `${pattern === 'other' ? 'other' : method} ${pattern} ${response.statusCode}`;
      this.#answers.set(key, (this.#answers.get(key) ?? 0) + 1);
    });
    try {
      const { pathname, url } = parseUrl(request);
      const client = clientName((request.socket as TLSSocket).getPeerCertificate().subject as unknown as Subject);
      authorise(this.#clients, client, 'read');
      const route = this.#find(method, pathname, response);
      pattern = route.pattern;
      authorise(this.#clients, client, route.role);
      if (!this.#open) throw new HostdError('starting', 'hostd is starting. Ask again in a second.');
      const gone = new AbortController();
      response.on('close', () => gone.abort());
      const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
      this.#send(response, 200, await route.handle({ request, response, url, client, signal }));
    } catch (error) {
      this.#refuse({ from, method, url: request.url }, response, error);
    }
  }

  #find(method: string, path: string, response: ServerResponse): Route {
    const routes = this.#routes(path);
    if (Object.hasOwn(routes, method) && routes[method] !== undefined) return routes[method];
    const allowed = Object.keys(routes).join(', ');
    response.setHeader('Allow', allowed);
    throw new HostdError('method-not-allowed', `${path} takes ${allowed}, not ${method}.`);
  }

  #refuse(call: object, response: ServerResponse, error: unknown): void {
    const known =
      error instanceof HostdError
        ? error
        : new HostdError('internal', 'hostd has a fault; its log tells more', { cause: error });
    if (known.status >= 500 && !known.retryable) {
      this.#log.error({ ...call, error: describeError(error) }, 'A call failed');
    } else if (known.status >= 500) {
      this.#log.warn({ ...call, error: describeError(error) }, 'A call could not be answered now');
    } else if (known.code === 'forbidden') {
      this.#log.warn({ ...call, why: known.message }, 'A call was refused');
    }
    // The rest of a body that was refused is not read.
    if (known.code === 'body-too-large') response.setHeader('Connection', 'close');
    const answer: ErrorAnswer = {
      error: { code: known.code, message: describeError(known), retryable: known.retryable },
    };
    this.#send(response, known.status, answer);
  }

  #send(response: ServerResponse, status: number, reply: Reply): void {
    if (reply === streamed || response.destroyed || response.headersSent) return;
    const { socket } = response;
    if (socket !== null && this.#generations.get(socket) !== this.#generation) {
      response.setHeader('Connection', 'close');
    }
    if (reply === undefined) {
      response.writeHead(204).end();
      return;
    }
    const { type, text } = reply instanceof Text ? reply : new Text('application/json', JSON.stringify(reply));
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) }).end(text);
  }
}

/** @throws HostdError `request-invalid`: Node lets targets through that are no URL, such as `//`. */
function parseUrl(request: IncomingMessage): { pathname: string; url: URL } {
  try {
    const url = new URL(`https://hostd${request.url ?? '/'}`);
    return { pathname: url.pathname, url };
  } catch {
    throw new HostdError('request-invalid', 'The target of the request is not a path.');
  }
}
