import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ProxyError } from '../errors.ts';
import type { ProxyLimits } from '../limits.ts';
import { type ConnectionOwner, type ConnectionUse, UpstreamConnection } from './connection.ts';

/** A use that can wait for its turn. */
export interface WaitingUse extends ConnectionUse {
  placed(connection: UpstreamConnection): void;
  /** It has waited too long: nothing of it was sent. */
  late(error: ProxyError): void;
}

/** One address of Nova's API with its connections. */
export class Upstream implements ConnectionOwner {
  /** Only the origin counts: paths go through as clients write them. */
  readonly url: URL;
  /** Gets requests. */
  alive = true;
  readonly #limits: ProxyLimits;
  readonly #connections = new Set<UpstreamConnection>();
  /** The last one used first: the others may grow old and be closed. */
  readonly #kept: UpstreamConnection[] = [];
  readonly #waiting: { use: WaitingUse; fresh: boolean; sinceMs: number }[] = [];
  #ca: string | undefined;

  constructor(url: string, limits: ProxyLimits) {
    this.url = new URL(url);
    this.#limits = limits;
  }

  /** Trusted for https from now on instead of the system's; connections that are open stay. */
  trust(ca: string): void {
    this.#ca = ca;
  }

  /** Requests that it has not answered. */
  get load(): number {
    return this.#connections.size - this.#kept.length + this.#waiting.length;
  }

  /** Sends a request now, or when another one has ended. `fresh`: over a connection of its own. */
  place(use: WaitingUse, fresh: boolean): void {
    const busy = this.#connections.size - this.#kept.length;
    if (busy >= this.#limits.upstreamConnections) this.#waiting.push({ use, fresh, sinceMs: Date.now() });
    else this.#connect(use, fresh);
  }

  /** Forgets a use that still waits. */
  withdraw(use: WaitingUse): void {
    const at = this.#waiting.findIndex((waiting) => waiting.use === use);
    if (at !== -1) this.#waiting.splice(at, 1);
  }

  /** Sends a request beside all others, without limit: a probe. */
  probe(use: ConnectionUse): UpstreamConnection {
    const connection = this.#open({ free: (one) => one.destroy(), closed: () => {} });
    connection.take(use, true);
    return connection;
  }

  tick(nowMs: number): void {
    for (const connection of this.#connections) connection.tick(nowMs);
    const { upstreamQueueMs, upstreamConnections } = this.#limits;
    // The first has waited longest.
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined || nowMs - first.sinceMs < upstreamQueueMs) return;
      this.#waiting.shift();
      const text = `all ${upstreamConnections} connections to Nova were busy for ${upstreamQueueMs / 1000} s`;
      first.use.late(new ProxyError('upstream-busy', text));
    }
  }

  close(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  free(connection: UpstreamConnection): void {
    this.#kept.push(connection);
    this.#next();
  }

  closed(connection: UpstreamConnection): void {
    this.#connections.delete(connection);
    const at = this.#kept.lastIndexOf(connection);
    if (at !== -1) this.#kept.splice(at, 1);
    this.#next();
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) this.#connect(next.use, next.fresh);
  }

  #connect(use: WaitingUse, fresh: boolean): void {
    const kept = fresh ? undefined : this.#kept.pop();
    const connection = kept ?? this.#open(this);
    if (kept === undefined) this.#connections.add(connection);
    use.placed(connection);
    connection.take(use, fresh);
  }

  #open(owner: ConnectionOwner): UpstreamConnection {
    const { protocol, hostname, port } = this.url;
    const secure = protocol === 'https:';
    const host = hostname.replace(/^\[|\]$/g, '');
    const address = { host, port: port === '' ? (secure ? 443 : 80) : Number(port), noDelay: true };
    const socket: Socket = secure
      ? connectTls({
          ...address,
          ...(this.#ca === undefined ? {} : { ca: this.#ca }),
          ...(isIP(host) === 0 ? { servername: host } : {}),
          ALPNProtocols: ['http/1.1'],
        })
      : connectTcp(address);
    return new UpstreamConnection(socket, secure ? 'secureConnect' : 'connect', this.#limits, owner);
  }
}
