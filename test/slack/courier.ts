import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** Something that Slack tells the app. */
export interface Delivery {
  type: 'slash_commands' | 'interactive' | 'events_api';
  payload: Record<string, unknown>;
}

export interface Delivered {
  delivery: Delivery;
  /** Acknowledged within 3 s. */
  acknowledged: boolean;
  /** Of an HTTP delivery; null: none came, or Socket Mode. */
  status: number | null;
  /** What the app said in its acknowledgement. */
  body: string;
  tookMs: number;
}

const ACKNOWLEDGE_WITHIN_MS = 3000;
const PING_EVERY_MS = 10_000;

/** Brings deliveries to the app: signed over HTTP (docs.slack.dev/authentication/verifying-requests-from-slack), or by socket. */
export class Courier {
  readonly #secret: string;
  readonly #sockets = new Set<WebSocket>();
  readonly #acknowledged = new Map<string, (body: string) => void>();
  readonly #tickets = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  readonly #server = new WebSocketServer({ noServer: true });
  #count = 0;

  constructor(secret: string) {
    this.#secret = secret;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.terminate();
    this.#server.close();
  }

  /** For one connection. */
  ticket(): string {
    this.#count += 1;
    const ticket = `t${this.#count}`;
    this.#tickets.add(ticket);
    return ticket;
  }

  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const ticket = (request.url ?? '').split('/').at(-1) ?? '';
    if (!this.#tickets.delete(ticket)) {
      stream.destroy();
      return;
    }
    this.#server.handleUpgrade(request, stream, head, (socket) => this.#accept(socket));
  }

  get connections(): number {
    return this.#sockets.size;
  }

  connected(): Promise<void> {
    if (this.#sockets.size > 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  disconnect(warned: boolean): void {
    for (const socket of this.#sockets) {
      // No delivery takes this one any more.
      this.#sockets.delete(socket);
      if (warned) socket.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' }));
      else socket.terminate();
    }
  }

  async deliver(
    to: string | null,
    delivery: Delivery,
    retry: { attempt: number; reason: string } | null = null,
  ): Promise<Delivered> {
    const startedMs = Date.now();
    const answer = to === null ? await this.#bySocket(delivery, retry) : await this.#byHttp(to, delivery, retry);
    return { delivery, ...answer, tookMs: Date.now() - startedMs };
  }

  #accept(socket: WebSocket): void {
    this.#sockets.add(socket);
    const ping = setInterval(() => socket.ping(), PING_EVERY_MS);
    socket.on('close', () => {
      clearInterval(ping);
      this.#sockets.delete(socket);
    });
    socket.on('message', (data) => {
      const { envelope_id: id, payload } = JSON.parse(String(data));
      this.#acknowledged.get(id)?.(payload === undefined ? '' : JSON.stringify(payload));
    });
    socket.send(
      JSON.stringify({ type: 'hello', num_connections: this.#sockets.size, connection_info: { app_id: 'A1' } }),
    );
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #bySocket(
    { type, payload }: Delivery,
    retry: { attempt: number; reason: string } | null,
  ): Promise<Omit<Delivered, 'delivery' | 'tookMs'>> {
    const [socket] = this.#sockets;
    if (!socket) return { acknowledged: false, status: null, body: '' };
    this.#count += 1;
    const id = `e${this.#count}`;
    const { promise, resolve } = Promise.withResolvers<string | null>();
    this.#acknowledged.set(id, resolve);
    const timer = setTimeout(() => resolve(null), ACKNOWLEDGE_WITHIN_MS);
    socket.send(
      JSON.stringify({
        envelope_id: id,
        type,
        payload,
        accepts_response_payload: type !== 'events_api',
        ...(retry ? { retry_attempt: retry.attempt, retry_reason: retry.reason } : {}),
      }),
    );
    const body = await promise;
    clearTimeout(timer);
    this.#acknowledged.delete(id);
    return { acknowledged: body !== null, status: null, body: body ?? '' };
  }

  async #byHttp(
    to: string,
    delivery: Delivery,
    retry: { attempt: number; reason: string } | null,
  ): Promise<Omit<Delivered, 'delivery' | 'tookMs'>> {
    const { body, headers } = this.sign(delivery, Date.now());
    const retried = retry ? { 'x-slack-retry-num': String(retry.attempt), 'x-slack-retry-reason': retry.reason } : {};
    try {
      const signal = AbortSignal.timeout(ACKNOWLEDGE_WITHIN_MS);
      const answer = await fetch(to, { method: 'POST', body, headers: { ...headers, ...retried }, signal });
      return { acknowledged: answer.ok, status: answer.status, body: await answer.text() };
    } catch {
      return { acknowledged: false, status: null, body: '' };
    }
  }

  /** The request as Slack signs it at that time. */
  sign({ type, payload }: Delivery, atMs: number): { body: string; headers: Record<string, string> } {
    const [body, contentType] =
      type === 'events_api'
        ? [JSON.stringify(payload), 'application/json']
        : [formOf(type, payload), 'application/x-www-form-urlencoded'];
    const timestamp = String(Math.floor(atMs / 1000));
    const signature = createHmac('sha256', this.#secret).update(`v0:${timestamp}:${body}`).digest('hex');
    return {
      body,
      headers: {
        'content-type': contentType,
        'x-slack-request-timestamp': timestamp,
        'x-slack-signature': `v0=${signature}`,
      },
    };
  }
}

function formOf(type: Delivery['type'], payload: Record<string, unknown>): string {
  if (type === 'interactive') return new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  return new URLSearchParams(payload as Record<string, string>).toString();
}
