import type { Logger } from 'pino';
import { SlackError } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { Post } from '../journal/posts.ts';
import { type Content, type Rendered, shownAs } from './content.ts';
import { findPosted, METADATA } from './find.ts';
import type { SlackApi } from './slack.ts';

export interface MessageParts {
  slack: SlackApi;
  journal: Journal;
  log: Logger;
  /** A posting that was cut off is looked for after so long: Slack may still be at work on it. */
  settleMs?: number | undefined;
}

/** What a posting came to. */
export type Posted =
  /** `isShown`: it shows what was to be shown; else it was found, and what it shows is not known. */
  | { kind: 'posted'; isShown: boolean }
  /** An earlier one may still arrive. */
  | { kind: 'wait'; untilMs: number };

type Kept = (post: Post) => void;

const SETTLE_MS = 5000;
/** In place of a `ts`: Slack did not take it. */
export const REFUSED = 'refused';

/** Posts and changes single messages; how each stands is on disk before and after. */
export class Messages {
  readonly #parts: MessageParts;

  constructor(parts: MessageParts) {
    this.#parts = parts;
  }

  /**
   * Posts it, unless Slack has it already. `kept` is called with how it stands, whenever that changes.
   *
   * @param sent what is sent of it
   * @throws SlackError
   */
  async post(post: Post, { content, isFinal }: Rendered, sent: Content, kept: Kept): Promise<Posted> {
    const { slack, journal, settleMs = SETTLE_MS } = this.#parts;
    const known = await this.#opened(post);
    if (known.posting_since_ms !== null) {
      const untilMs = known.posting_since_ms + settleMs;
      if (Date.now() < untilMs) return { kind: 'wait', untilMs };
      const ts = await this.#find(known);
      if (ts !== null) {
        await this.#keep({ ...known, ts, posting_since_ms: null }, kept);
        return { kind: 'posted', isShown: known.content !== null };
      }
    }
    const begun = { ...known, posting_since_ms: Date.now() };
    await this.#keep(begun, kept);
    await journal.flushed();
    const answer = await slack.call('chat.postMessage', {
      channel: begun.channel,
      ...(begun.thread_ts === null ? {} : { thread_ts: begun.thread_ts }),
      text: sent.text,
      blocks: sent.blocks,
      metadata: metadataOf(begun.key),
      unfurl_links: false,
      unfurl_media: false,
    });
    const where = { channel: String(answer.channel ?? begun.channel), ts: String(answer.ts) };
    await this.#keep({ ...begun, ...where, posting_since_ms: null, shown: shownAs(content, isFinal) }, kept);
    return { kind: 'posted', isShown: true };
  }

  /** Changes it, unless it shows that already. @throws SlackError */
  async update(post: Post, { content, isFinal }: Rendered, sent: Content, kept: Kept): Promise<void> {
    const shown = shownAs(content, isFinal);
    if (post.shown === shown || post.ts === REFUSED) return;
    const { channel, ts, key } = post;
    const { text, blocks } = sent;
    await this.#parts.slack.call('chat.update', { channel, ts, text, blocks, metadata: metadataOf(key) });
    await this.#keep({ ...post, shown }, kept);
  }

  /** Slack has not taken it: nothing of it needs to be looked for. */
  async notPosted(post: Post, kept: Kept): Promise<void> {
    await this.#keep({ ...post, posting_since_ms: null }, kept);
  }

  /** It goes elsewhere instead. */
  async redirect(post: Post, channel: string, kept: Kept): Promise<void> {
    await this.#keep({ ...post, channel, ts: null, posting_since_ms: null, shown: null }, kept);
  }

  /** Slack does not take it. Unless it is the last that is to be said, what comes after it is tried again. */
  async giveUp(post: Post, isFinal: boolean, kept: Kept): Promise<void> {
    const shown = isFinal ? 'final:refused' : REFUSED;
    await this.#keep({ ...post, posting_since_ms: null, shown, ts: post.ts ?? REFUSED }, kept);
  }

  /** It is posted anew: what was posted cannot be changed any more, or was not taken. */
  async anew(post: Post, kept: Kept): Promise<void> {
    await this.#keep({ ...post, ts: null, posting_since_ms: null, shown: null }, kept);
  }

  async #keep(post: Post, kept: Kept): Promise<void> {
    await this.#parts.journal.posts.keep(post);
    kept(post);
  }

  /** Messages to somebody directly have a channel of their own, in which they can be looked for. */
  async #opened(post: Post): Promise<Post> {
    if (!/^[UW]/.test(post.channel)) return post;
    const { channel } = await this.#parts.slack.call('conversations.open', { users: post.channel });
    return { ...post, channel: (channel as { id?: string } | undefined)?.id ?? post.channel };
  }

  async #find(post: Post): Promise<string | null> {
    try {
      return await findPosted(this.#parts.slack, post);
    } catch (error) {
      if (!(error instanceof SlackError) || error.fault.kind !== 'refused') throw error;
      // Rather twice than never.
      const text = 'a message cannot be looked for, and may be posted twice: has the app the scopes for the history?';
      this.#parts.log.error({ message: post.key, code: error.code }, text);
      return null;
    }
  }
}

function metadataOf(key: string): object {
  return { event_type: METADATA, event_payload: { key } };
}
