import { type Answer, contentFault, viewFault } from './faults.ts';

/** A message with everything that it ever said. */
export interface Message {
  channel: string;
  ts: string;
  threadTs: string | null;
  /** Only this user sees it; null: all. */
  onlyFor: string | null;
  versions: { text: string; blocks: unknown[]; atMs: number }[];
  /** As given with it; kept by an update that gives none (docs.slack.dev, message metadata). */
  metadata: object | null;
}

export interface OpenView {
  id: string;
  user: string;
  view: Record<string, unknown>;
}

export interface Member {
  id: string;
  name: string;
  timeZone: string;
  /** Absent: of this workspace. Of another one: in a channel that is shared with it (Slack Connect). */
  teamId?: string;
  /** Of the Enterprise Grid that their workspace belongs to. */
  enterpriseId?: string;
}

type Arguments = Readonly<Record<string, unknown>>;

const BOT_USER = 'UBOT00001';
/** The workspace itself. */
export const TEAM = 'T1';
const TRIGGER_MS = 3000;

/** What a workspace holds, changed by the Web API's methods. */
export class Workspace {
  readonly messages: Message[] = [];
  readonly homes = new Map<string, Record<string, unknown>>();
  readonly modals: OpenView[] = [];
  readonly members = new Map<string, Member>();
  /** The Enterprise Grid that it belongs to; null: none. */
  enterpriseId: string | null = null;
  /** Users by group. */
  readonly groups = new Map<string, string[]>();
  /** What a group is called; else its id in small letters. */
  readonly handles = new Map<string, string>();
  /** Channels that the app was not invited to. */
  readonly closed = new Set<string>();
  readonly #triggers = new Map<string, { user: string; atMs: number }>();
  #count = 0;

  trigger(user: string, nowMs: number): string {
    const id = `${this.#next()}.trigger`;
    this.#triggers.set(id, { user, atMs: nowMs });
    return id;
  }

  find(channel: string, ts: string): Message | null {
    return this.messages.find((each) => each.channel === channel && each.ts === ts) ?? null;
  }

  post(channel: string, args: Arguments, onlyFor: string | null, nowMs: number): Answer {
    const wrong = contentFault(args);
    if (wrong) return wrong;
    if (this.closed.has(channel)) return { ok: false, error: 'not_in_channel' };
    const ts = `${Math.floor(nowMs / 1000)}.${String(this.#next()).padStart(6, '0')}`;
    const threadTs = typeof args.thread_ts === 'string' ? args.thread_ts : null;
    if (threadTs !== null && !this.find(channel, threadTs)) return { ok: false, error: 'thread_not_found' };
    this.messages.push({
      channel,
      ts,
      threadTs,
      onlyFor,
      versions: [version(args, nowMs)],
      metadata: metadataOf(args),
    });
    return { ok: true, channel, ts, message_ts: ts, message: { ts, text: args.text ?? '', user: BOT_USER } };
  }

  /** What an app says is wrong with a modal, by block; null: nothing. @throws Error where Slack would not take it */
  errorsOf(viewId: string, body: string): Record<string, string> | null {
    const said = body === '' ? {} : (JSON.parse(body) as { response_action?: string; errors?: Record<string, string> });
    if (said.response_action !== 'errors') return null;
    const errors = said.errors ?? {};
    const { blocks = [] } = (this.modals.find(({ id }) => id === viewId)?.view ?? {}) as {
      blocks?: { block_id?: string }[];
    };
    const unknown = Object.keys(errors).filter((block) => !blocks.some(({ block_id: id }) => id === block));
    if (unknown.length > 0) throw new Error(`errors at ${unknown.join(', ')}, and there is no such block`);
    return errors;
  }

  /** Somebody closes a modal, or it was submitted. */
  close(viewId: string): void {
    const at = this.modals.findIndex(({ id }) => id === viewId);
    if (at >= 0) this.modals.splice(at, 1);
  }

  call(method: string, args: Arguments, nowMs: number): Answer {
    const text = (name: string) => (typeof args[name] === 'string' ? args[name] : '');
    switch (method) {
      case 'auth.test':
        return {
          ok: true,
          url: 'https://example.slack.test/',
          team: 'Test',
          team_id: TEAM,
          ...(this.enterpriseId === null ? {} : { enterprise_id: this.enterpriseId, is_enterprise_install: false }),
          user: 'drover',
          user_id: BOT_USER,
          bot_id: 'B1',
        };
      case 'chat.postMessage':
        return this.post(text('channel'), args, null, nowMs);
      case 'chat.postEphemeral':
        return this.post(text('channel'), args, text('user'), nowMs);
      case 'chat.update':
        return this.#update(text('channel'), text('ts'), args, nowMs);
      case 'users.info': {
        const member = this.members.get(text('user'));
        return member ? { ok: true, user: this.#userOf(member) } : { ok: false, error: 'user_not_found' };
      }
      case 'usergroups.users.list': {
        const users = this.groups.get(text('usergroup'));
        return users ? { ok: true, users } : { ok: false, error: 'no_such_subteam' };
      }
      case 'usergroups.list': {
        const usergroups = [...this.groups.keys()].map((id) => {
          const handle = this.handles.get(id) ?? id.toLowerCase();
          return { id, handle, name: handle };
        });
        return { ok: true, usergroups };
      }
      case 'conversations.info':
        return {
          ok: true,
          channel: { id: text('channel'), name: 'ops', is_member: !this.closed.has(text('channel')) },
        };
      case 'conversations.history':
        return this.#history(args, null);
      case 'conversations.replies':
        return this.#history(args, text('ts'));
      case 'conversations.open':
        return { ok: true, channel: { id: `D${text('users')}` } };
      case 'views.publish':
        return this.#publish(text('user_id'), args.view);
      case 'views.open':
        return this.#open(text('trigger_id'), args.view, nowMs);
      case 'views.update':
        return this.#updateView(text('view_id'), args.view);
      default:
        return { ok: false, error: 'unknown_method' };
    }
  }

  /** `is_stranger` is left out, as for everybody who shares a channel with the app (docs.slack.dev, user object). */
  #userOf({ id, name, timeZone: tz, teamId: team_id = TEAM, enterpriseId: other }: Member): object {
    const enterpriseId = other ?? this.enterpriseId;
    const grid =
      enterpriseId === null ? {} : { enterprise_user: { id, enterprise_id: enterpriseId, teams: [team_id] } };
    return { id, team_id, name, real_name: name, tz, deleted: false, ...grid };
  }

  #update(channel: string, ts: string, args: Arguments, nowMs: number): Answer {
    const message = this.find(channel, ts);
    if (this.closed.has(channel)) return { ok: false, error: 'not_in_channel' };
    if (!message || message.onlyFor !== null) return { ok: false, error: 'message_not_found' };
    const wrong = contentFault(args);
    if (wrong) return wrong;
    message.versions.push(version(args, nowMs));
    message.metadata = metadataOf(args) ?? message.metadata;
    return { ok: true, channel, ts, text: args.text ?? '' };
  }

  /** Newest first, as Slack has it; of a thread oldest first. What only one user sees is in neither. */
  #history(args: Arguments, threadTs: string | null): Answer {
    const channel = String(args.channel ?? '');
    if (this.closed.has(channel)) return { ok: false, error: 'not_in_channel' };
    const oldest = Number(args.oldest ?? 0);
    const limit = Math.min(999, Number(args.limit ?? 100));
    const from = Number(args.cursor ?? 0);
    const all = this.messages.filter(
      (each) =>
        each.channel === channel &&
        each.onlyFor === null &&
        Number(each.ts) > oldest &&
        (threadTs === null ? each.threadTs === null : each.threadTs === threadTs || each.ts === threadTs),
    );
    if (threadTs === null) all.reverse();
    const withMetadata = args.include_all_metadata === true || args.include_all_metadata === 'true';
    const messages = all.slice(from, from + limit).map(({ ts, metadata, versions }) => ({
      type: 'message',
      ts,
      text: versions.at(-1)?.text ?? '',
      ...(withMetadata && metadata ? { metadata } : {}),
    }));
    const next = from + limit < all.length ? String(from + limit) : '';
    return { ok: true, messages, has_more: next !== '', response_metadata: { next_cursor: next } };
  }

  #publish(user: string, given: unknown): Answer {
    const wrong = viewFault(given, 'home');
    if (wrong) return wrong;
    this.homes.set(user, given as Record<string, unknown>);
    return { ok: true, view: { id: `V${user}`, type: 'home' } };
  }

  #open(trigger: string, given: unknown, nowMs: number): Answer {
    const known = this.#triggers.get(trigger);
    this.#triggers.delete(trigger);
    if (!known) return { ok: false, error: 'exchanged_trigger_id' };
    if (nowMs - known.atMs > TRIGGER_MS) return { ok: false, error: 'expired_trigger_id' };
    const wrong = viewFault(given, 'modal');
    if (wrong) return wrong;
    const id = `V${this.#next()}`;
    this.modals.push({ id, user: known.user, view: given as Record<string, unknown> });
    return { ok: true, view: { id, type: 'modal' } };
  }

  #updateView(id: string, given: unknown): Answer {
    const open = this.modals.find((each) => each.id === id);
    if (!open) return { ok: false, error: 'not_found' };
    const wrong = viewFault(given, 'modal');
    if (wrong) return wrong;
    open.view = given as Record<string, unknown>;
    return { ok: true, view: { id, type: 'modal' } };
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }
}

function version(args: Arguments, atMs: number): Message['versions'][number] {
  return { text: String(args.text ?? ''), blocks: Array.isArray(args.blocks) ? args.blocks : [], atMs };
}

function metadataOf({ metadata }: Arguments): object | null {
  return typeof metadata === 'object' && metadata !== null ? metadata : null;
}
