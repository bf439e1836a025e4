/**
 * A Slack server on loopback, for a real Bolt app: it answers the Web API within Slack's limits and rates, and delivers
 * commands, clicks and events signed over HTTP or through a Socket Mode WebSocket, with Slack's time limit and retries.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Courier, type Delivered, type Delivery } from './courier.ts';
import { Rates } from './rates.ts';
import { type Answer, TEAM, Workspace } from './workspace.ts';

export interface Call {
  method: string;
  args: Record<string, unknown>;
  atMs: number;
  /** As answered; 429 for one too many. */
  status: number;
  error: string | null;
}

interface ResponseUrl {
  channel: string;
  user: string;
  usesLeft: number;
  untilMs: number;
}

const RESPONSE_URL_USES = 5;
const RESPONSE_URL_MS = 30 * 60_000;
const MOST_BODY_BYTES = 1 << 20;

export class SlackDouble {
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
  readonly #courier = new Courier(this.signingSecret);
  readonly #responseUrls = new Map<string, ResponseUrl>();
  #server: Server | null = null;
  #origin = '';

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    server.on('upgrade', (request, socket, head) => this.#courier.upgrade(request, socket, head));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#server = server;
    this.#origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#courier.stop();
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

  // ---- what people do

  /**
   * Somebody types a slash command. `to`: the app's request URL, null: through the socket. Slack says that people of other
   * workspaces cannot use a workspace's own commands (help, "Slack Connect guide"); here they can, to see that nothing
   * rests on it.
   */
  command(text: string, by: { user: string; channel: string }, to: string | null): Promise<Delivered> {
    const { user, channel } = by;
    return this.#courier.deliver(to, {
      type: 'slash_commands',
      payload: {
        token: 'legacy',
        team_id: this.#teamOf(user),
        team_domain: 'test',
        channel_id: channel,
        channel_name: 'ops',
        user_id: user,
        user_name: this.workspace.members.get(user)?.name ?? user,
        command: '/migrate',
        text,
        api_app_id: 'A1',
        is_enterprise_install: 'false',
        response_url: this.#responseUrl(channel, user),
        trigger_id: this.workspace.trigger(user, Date.now()),
      },
    });
  }

  /** Somebody clicks an element of a message, its dialogue confirmed. */
  click(
    at: { channel: string; ts: string; actionId: string; value?: string },
    user: string,
    to: string | null,
  ): Promise<Delivered> {
    const message = this.workspace.find(at.channel, at.ts);
    const shown = message?.versions.at(-1);
    const element = elementOf(shown?.blocks ?? [], at.actionId, at.value);
    if (!message || !shown || !element)
      throw new Error(`there is no ${at.actionId} to click in ${at.channel} ${at.ts}`);
    return this.#clicked(user, to, element, {
      container: {
        type: 'message',
        message_ts: at.ts,
        channel_id: at.channel,
        is_ephemeral: message.onlyFor !== null,
      },
      channel: { id: at.channel, name: 'ops' },
      message: { type: 'message', ts: at.ts, text: shown.text, blocks: shown.blocks },
      response_url: this.#responseUrl(at.channel, user),
    });
  }

  /** Somebody clicks an element of the app's home. */
  clickHome(actionId: string, user: string, to: string | null): Promise<Delivered> {
    const view = this.workspace.homes.get(user);
    const element = elementOf((view?.blocks ?? []) as unknown[], actionId, undefined);
    if (!view || !element) throw new Error(`there is no ${actionId} to click in the home of ${user}`);
    const id = `V${user}`;
    return this.#clicked(user, to, element, {
      container: { type: 'view', view_id: id },
      view: { ...view, id, team_id: this.#teamOf(user) },
    });
  }

  /** `place`: what Slack tells of where the element stands. */
  #clicked(user: string, to: string | null, element: object, place: object): Promise<Delivered> {
    return this.#courier.deliver(to, {
      type: 'interactive',
      payload: {
        type: 'block_actions',
        // The app's own, whoever clicks (slackapi/java-slack-sdk, issue 1041).
        team: { id: TEAM, domain: 'test' },
        user: { id: user, username: this.workspace.members.get(user)?.name ?? user, team_id: this.#teamOf(user) },
        api_app_id: 'A1',
        token: 'legacy',
        ...place,
        trigger_id: this.workspace.trigger(user, Date.now()),
        actions: [{ ...element, action_ts: String(Date.now() / 1000) }],
      },
    });
  }

  /** Somebody submits a modal: `state` by block and action. It closes, unless the app says what is wrong at which field. */
  async submit(
    viewId: string,
    state: Readonly<Record<string, Readonly<Record<string, object>>>>,
    to: string | null,
  ): Promise<Delivered> {
    const open = this.workspace.modals.find(({ id }) => id === viewId);
    if (!open) throw new Error(`modal ${viewId} is not open`);
    const delivered = await this.#courier.deliver(to, {
      type: 'interactive',
      payload: {
        type: 'view_submission',
        // Of whoever submits, while the view says where the app is installed (slackapi/bolt-js, issue 1614).
        team: { id: this.#teamOf(open.user), domain: 'test' },
        user: { id: open.user, name: open.user, team_id: this.#teamOf(open.user) },
        api_app_id: 'A1',
        token: 'legacy',
        trigger_id: this.workspace.trigger(open.user, Date.now()),
        view: {
          ...open.view,
          id: viewId,
          state: { values: state },
          hash: '1',
          team_id: this.#teamOf(open.user),
          app_installed_team_id: TEAM,
        },
      },
    });
    // Without an acknowledgement it stays, and its client says that something went wrong.
    if (delivered.acknowledged && this.workspace.errorsOf(viewId, delivered.body) === null)
      this.workspace.close(viewId);
    return delivered;
  }

  /** Somebody opens the app's home. */
  openHome(user: string, to: string | null): Promise<Delivered> {
    return this.event({ type: 'app_home_opened', user, channel: `D${user}`, tab: 'home', event_ts: '1.0' }, to);
  }

  event(event: Record<string, unknown>, to: string | null): Promise<Delivered> {
    return this.#courier.deliver(to, {
      type: 'events_api',
      payload: {
        token: 'legacy',
        team_id: TEAM,
        api_app_id: 'A1',
        type: 'event_callback',
        event_id: `Ev${this.calls.length}${Date.now()}`,
        event_time: Math.floor(Date.now() / 1000),
        event,
      },
    });
  }

  /** The same delivery once more, as Slack's retries and lost acknowledgements do. */
  again(delivery: Delivery, to: string | null, retry: { attempt: number; reason: string }): Promise<Delivered> {
    return this.#courier.deliver(to, delivery, retry);
  }

  /** As Slack would sign it at that time, for whoever sends it himself. */
  sign(delivery: Delivery, atMs: number): { body: string; headers: Record<string, string> } {
    return this.#courier.sign(delivery, atMs);
  }

  /** Cuts the sockets of Socket Mode, as Slack does every few hours: with a warning before it, or without. */
  disconnect(warned: boolean): void {
    this.#courier.disconnect(warned);
  }

  /** How many sockets of Socket Mode are open. */
  get connections(): number {
    return this.#courier.connections;
  }

  connected(): Promise<void> {
    return this.#courier.connected();
  }

  // ---- what the app does

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
    const { status, value, retryAfterSeconds } = method
      ? this.#call(method, token, args, atMs)
      : this.#respond(url ?? '', args, atMs);
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
      const url = `${this.#origin.replace('http', 'ws')}/link/${this.#courier.ticket()}`;
      return { status: 200, value: { ok: true, url } };
    }
    return { status: 200, value: this.workspace.call(method, args, nowMs) };
  }

  #teamOf(user: string): string {
    return this.workspace.members.get(user)?.teamId ?? TEAM;
  }

  #responseUrl(channel: string, user: string): string {
    const id = `r${this.#responseUrls.size + 1}`;
    this.#responseUrls.set(id, { channel, user, usesLeft: RESPONSE_URL_USES, untilMs: Date.now() + RESPONSE_URL_MS });
    return `${this.#origin}/response/${id}`;
  }

  #respond(id: string, args: Record<string, unknown>, nowMs: number): WebAnswer {
    const known = this.#responseUrls.get(id);
    if (!known || known.untilMs < nowMs) return { status: 404, value: { ok: false, error: 'expired_url' } };
    if (known.usesLeft === 0) return { status: 404, value: { ok: false, error: 'used_url' } };
    const onlyFor = args.response_type === 'in_channel' ? null : known.user;
    const posted = this.workspace.post(known.channel, args, onlyFor, nowMs);
    if (!posted.ok) return { status: 400, value: posted };
    known.usesLeft -= 1;
    return { status: 200, value: { ok: true } };
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

interface Element {
  action_id?: string;
  value?: string;
}

function elementOf(blocks: readonly unknown[], actionId: string, value: string | undefined): object | null {
  for (const block of blocks as { block_id?: string; elements?: Element[]; accessory?: Element }[]) {
    for (const element of [...(block.elements ?? []), ...(block.accessory ? [block.accessory] : [])]) {
      if (element.action_id === actionId && (value === undefined || element.value === value)) {
        return { ...element, block_id: block.block_id ?? 'b1' };
      }
    }
  }
  return null;
}
