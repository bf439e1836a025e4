import { type AddressInfo, type BlockList, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Logger } from 'pino';
import { type CertificateFiles, Certificates } from './certificates.ts';
import { ClientConnection } from './client.ts';
import { decideAction } from './decide-action.ts';
import { ProxyError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { HeldRequest } from './held.ts';
import type { RequestHead } from './http/request.ts';
import { actionTarget } from './intercept.ts';
import { DEFAULT_LIMITS, type ProxyLimits } from './limits.ts';
import type { LiveMigrateHandler } from './live-migrate.ts';
import { contains, networks } from './networks.ts';
import { overlayOf } from './overlay/overlay.ts';
import type { MigrationsSource } from './overlay/request.ts';
import { serveOverlay } from './overlay/serve.ts';
import { Relay, type RelayParts } from './relay.ts';
import { type ServerChange, serverChange } from './touched.ts';
import { DEFAULT_HEALTH, type UpstreamOptions, Upstreams } from './upstream/upstreams.ts';

export interface ProxyOptions {
  /** With `tls` clients speak https. */
  listen: { address: string; port: number; tls?: CertificateFiles | undefined };
  /** Nova's API. Only the origin counts: paths go through as clients write them. */
  upstream: string | UpstreamOptions;
  /** File with the certificates that are trusted for an upstream with https; the system's where none is given. */
  upstreamCa?: string | undefined;
  /** X-Forwarded fields for Nova: whether they are sent, and the networks whose own ones count. All do by default. */
  forwarded?: { send: boolean; trust: string[] };
  /** Null: everything goes through. */
  onLiveMigrate: LiveMigrateHandler | null;
  /** Migrations that wait are shown in Nova's own answers; without it Nova's are as they are. */
  migrations?: MigrationsSource;
  /** Called with every answered request that may have changed a server. */
  onServerChange?: (change: ServerChange) => void;
  log: Logger;
  limits?: Partial<ProxyLimits>;
  /** Called when an answer begins. */
  onAnswer?: (status: number) => void;
}

const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true };

/** Trusts every client as Nova would without a proxy before it. */
export const TRUST_ALL = ['0.0.0.0/0', '::/0'];

/**
 * Stands between Nova's clients and Nova. Everything streams through as it is; a live migration is handed to
 * `onLiveMigrate` first.
 */
export class ProxyServer {
  readonly #options: ProxyOptions;
  readonly #limits: ProxyLimits;
  readonly #trusted: BlockList;
  readonly #clients = new Set<ClientConnection>();
  /** Also those that have not finished their TLS handshake. */
  readonly #sockets = new Set<Socket>();
  readonly #certificates: Certificates;
  readonly #parts: RelayParts;
  #server: Server | null = null;
  #ticking: NodeJS.Timeout | undefined;
  #allClosed: (() => void) | null = null;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#trusted = networks(options.forwarded?.trust ?? TRUST_ALL);
    const { upstream, log, onServerChange } = options;
    const upstreamOptions: UpstreamOptions =
      typeof upstream === 'string' ? { urls: [upstream], balance: 'round-robin', health: DEFAULT_HEALTH } : upstream;
    this.#parts = {
      upstreams: new Upstreams(upstreamOptions, this.#limits, log),
      log,
      forwarded: options.forwarded?.send ?? true,
      ...(onServerChange && {
        answered: (head, status) => {
          const change = serverChange(head, status);
          if (change) onServerChange(change);
        },
      }),
    };
    this.#certificates = new Certificates(log);
  }

  /** Listens; gives the address, with the real port where 0 was asked for. */
  async start(): Promise<{ address: string; port: number }> {
    const { listen, upstreamCa } = this.#options;
    const server = listen.tls ? this.#secureServer(listen.tls) : createServer(SOCKET_OPTIONS);
    server.on('connection', (socket: Socket) => this.#opened(socket));
    server.on(listen.tls ? 'secureConnection' : 'connection', (socket: Socket) => this.#connected(socket));
    if (upstreamCa !== undefined) this.#certificates.trust(this.#parts.upstreams, upstreamCa);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: listen.port, host: listen.address, backlog: 4096 }, resolve);
    });
    server.on('error', (error) => this.#options.log.error({ err: error }, 'proxy: a client could not be let in'));
    this.#server = server;
    this.#ticking = setInterval(() => this.#tick(Date.now()), tickMs(this.#limits));
    const { address, port } = server.address() as AddressInfo;
    return { address, port };
  }

  /** Takes no new requests, lets the running ones end within `graceMs`, then cuts them off. */
  async stop(graceMs = 5000): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = null;
    const closed = new Promise((resolve) => server.close(resolve));
    const emptied = new Promise<void>((resolve) => {
      this.#allClosed = resolve;
      if (this.#clients.size === 0) resolve();
    });
    for (const client of this.#clients) client.retire();
    const cutOff = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    await Promise.all([closed, emptied]);
    clearTimeout(cutOff);
    clearInterval(this.#ticking);
    this.#certificates.stop();
    this.#parts.upstreams.close();
  }

  #secureServer(files: CertificateFiles): Server {
    const server = createTlsServer({
      ...SOCKET_OPTIONS,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: this.#limits.clientHeaderMs,
    });
    this.#certificates.serve(server, files);
    return server;
  }

  #opened(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // Without TLS such a client is told so.
    if (this.#options.listen.tls && this.#sockets.size > this.#limits.clientConnections) socket.destroy();
  }

  #connected(socket: Socket): void {
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
    const secure = this.#options.listen.tls !== undefined;
    const peer = { address, secure, trusted: contains(this.#trusted, address) };
    const client = new ClientConnection(socket, peer, this.#limits, {
      begin: (head, one) => this.#begin(head, one),
      answering: (status) => this.#options.onAnswer?.(status),
      closed: (one) => this.#closed(one),
    });
    this.#clients.add(client);
    if (this.#clients.size > this.#limits.clientConnections) {
      client.refuse(new ProxyError('clients-too-many', 'Too many connections. Please try again later.'));
    }
  }

  #closed(client: ClientConnection): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#allClosed?.();
  }

  /** What is done with a request: who wants to see it whole before it goes on takes a HeldRequest. */
  #begin(head: RequestHead, client: ClientConnection): Exchange {
    const { onLiveMigrate, migrations, log } = this.#options;
    const overlay = migrations ? overlayOf(head.method, head.target, head.fields.raw, migrations) : null;
    if (overlay !== null) {
      return new HeldRequest(this.#parts, this.#limits, head, client, (held) =>
        serveOverlay(held, overlay, this.#parts, this.#limits),
      );
    }
    if (onLiveMigrate !== null && head.body.kind !== 'none') {
      const target = actionTarget(head.method, head.target, head.fields.raw);
      if (target !== null) {
        return new HeldRequest(this.#parts, this.#limits, head, client, (held) =>
          decideAction(held, target, onLiveMigrate, log),
        );
      }
    }
    return new Relay(this.#parts, head, client);
  }

  #tick(nowMs: number): void {
    for (const client of this.#clients) client.tick(nowMs);
    this.#parts.upstreams.tick(nowMs);
  }
}

/** A tenth of the shortest time that is watched, a second at most. */
function tickMs(limits: ProxyLimits): number {
  const times = [
    ...[limits.upstreamConnectMs, limits.upstreamAnswerMs, limits.upstreamKeepAliveMs, limits.clientHeaderMs],
    ...[
      limits.clientRequestMs,
      limits.clientKeepAliveMs,
      limits.clientStalledMs,
      limits.clientHalfClosedMs,
      limits.upstreamQueueMs,
    ],
  ];
  return Math.max(10, Math.min(1000, Math.min(...times) / 10));
}
