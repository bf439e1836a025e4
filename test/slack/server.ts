import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Courier } from './courier.ts';
import type { Answer } from './faults.ts';
import { Rates } from './rates.ts';
import { ResponseUrls } from './response-urls.ts';
import { Workspace } from './workspace.ts';

export interface Call {
  method: string;
  args: Record<string, unknown>;
  atMs: number;
  /** As answered; 429 for one too many. */
  status: number;
  error: string | null;
}

const MOST_BODY_BYTES = 1 << 20;

/** Slack's side of the Web API and of Socket Mode's connections, within its limits and rates. */
export class SlackServer {
  readonly botToken = 'xoxb-test-bot';
  readonly appToken = 'xapp-test-app';
  readonly signingSecret = 'test-signing-secret';
  readonly workspace = new Workspace();
  /** Every call of the Web API, in order. */
  readonly calls: Call[] = [];
  /** The Web API is away: connections are cut. */
  isDown = false;
  /** Called when a call of the Web API has come, before anything follows from it. */
  onAsked: (method: string) => void = () => {};
  /** Called when it has been done, before it is answered. */
  onDone: (method: string) => void = () => {};
  readonly #rates = new Rates();
  protected readonly courier = new Courier(this.signingSecret);
  readonly #responseUrls = new ResponseUrls(this.workspace);
  #server: Server | null = null;
  #origin = '';

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    server.on('upgrade', (request, socket, head) => this.courier.upgrade(request, socket, head));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#server = server;
    this.#origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.courier.stop();
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve) ?? resolve(null));
  }

  /** For Bolt's `clientOptions.slackApiUrl`. */
  get apiUrl(): string {
    return `${this.#origin}/api/`;
  }

  /** Cuts every connection to the Web API: what has been done is not answered. */
  cut(): void {
    this.#server?.closeAllConnections();
  }

  /** An address for answers, as a command or click carries it. */
  protected responseUrl(channel: string, user: string): string {
    return `${this.#origin}/response/${this.#responseUrls.issue(channel, user)}`;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.isDown) {
      request.socket.destroy();
      return;
    }
    const body = await read(request);
    const path = new URL(request.url ?? '/', this.#origin).pathname;
    const [, method] = /^\/api\/([A-Za-z.]+)$/.exec(path) ?? [];
    const [, url] = /^\/response\/(\w+)$/.exec(path) ?? [];
    if (request.method !== 'POST' || (!method && !url)) {
      response.writeHead(404).end();
      return;
    }
    const atMs = Date.now();
    this.onAsked(method ?? 'response_url');
    const args = argumentsOf(method ? (request.headers['content-type'] ?? '') : 'application/json', body);
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? String(args.token ?? '');
    const { status, value, retryAfterSeconds }: WebAnswer = method
      ? this.#call(method, token, args, atMs)
      : this.#responseUrls.respond(url ?? '', args, atMs);
    this.calls.push({
      method: method ?? 'response_url',
      args,
      atMs,
      status,
      error: value.ok ? null : (value.error ?? ''),
    });
    this.onDone(method ?? 'response_url');
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(retryAfterSeconds ? { 'retry-after': String(retryAfterSeconds) } : {}),
    });
    response.end(JSON.stringify(value));
  }

  #call(method: string, token: string, args: Record<string, unknown>, nowMs: number): WebAnswer {
    const wanted = method.startsWith('apps.') ? this.appToken : this.botToken;
    if (token !== wanted) return { status: 200, value: { ok: false, error: 'invalid_auth' } };
    const waitSeconds = this.#rates.take(method, typeof args.channel === 'string' ? args.channel : null, nowMs);
    if (waitSeconds === null) return { status: 200, value: { ok: false, error: 'unknown_method' } };
    if (waitSeconds > 0) {
      return { status: 429, value: { ok: false, error: 'ratelimited' }, retryAfterSeconds: waitSeconds };
    }
    if (method === 'apps.connections.open') {
      const url = `${this.#origin.replace('http', 'ws')}/link/${this.courier.ticket()}`;
      return { status: 200, value: { ok: true, url } };
    }
    return { status: 200, value: this.workspace.call(method, args, nowMs) };
  }
}

interface WebAnswer {
  status: number;
  value: Answer | { ok: boolean; error?: string; url?: string };
  retryAfterSeconds?: number;
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_BODY_BYTES) throw new RangeError('longer than Slack takes');
  }
  return Buffer.concat(chunks).toString();
}

function argumentsOf(contentType: string, body: string): Record<string, unknown> {
  if (contentType.startsWith('application/json')) return body === '' ? {} : JSON.parse(body);
  return Object.fromEntries(
    [...new URLSearchParams(body)].map(([name, value]) => [name, /^[[{]/.test(value) ? JSON.parse(value) : value]),
  );
}
