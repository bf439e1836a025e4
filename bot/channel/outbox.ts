import type { Logger } from 'pino';
import { describeError, SlackError } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { Post } from '../journal/posts.ts';
import type { Rendered } from './content.ts';
import {
  type Entry,
  emptyPost,
  keptOf,
  methodOf,
  newEntry,
  type Show,
  stored,
  type Turn,
  URGENCY,
  type Urgency,
} from './entry.ts';
import { Messages, REFUSED } from './messages.ts';
import { Pace } from './pace.ts';
import { wayOut } from './refused.ts';
import { type Form, inForm } from './shorten.ts';
import type { SlackApi } from './slack.ts';

export { URGENCY, type Urgency } from './entry.ts';

export interface OutboxParts {
  slack: SlackApi;
  journal: Journal;
  log: Logger;
  /** It is in Slack now. */
  posted: (key: string, channel: string, ts: string) => Promise<void>;
  /** A posting that was cut off is looked for after so long: Slack may still be at work on it. */
  settleMs?: number;
}

/** The same message is not changed more often: what comes meanwhile goes with the next. */
const GAP_MS: Record<Urgency, number> = { 0: 1200, 1: 1200, 2: 1200, 3: 3000 };
const MOST_IN_FLIGHT = 6;
const IDLE_MS = 60_000;
/**
 * The one way out to Slack's channels. What shall be shown is said as often as one likes; of one message the newest is
 * sent when its turn comes: boards, then changes of state, then progress, the oldest first, no more often than Slack
 * takes it. Nothing is lost while Slack is away, and nothing is posted twice: that a posting begins is written down before
 * it, and one that was cut off is looked for in the channel before it is tried again.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #messages: Messages;
  readonly #pace = new Pace();
  readonly #entries = new Map<string, Entry>();
  readonly #shownAtMs = new Map<string, number>();
  /** Messages of which Slack did not take all when they were last changed. */
  readonly #forms = new Map<string, Form>();
  #timer: NodeJS.Timeout | undefined;
  #inFlight = 0;
  #stopped = false;
  readonly #idle: (() => void)[] = [];

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#messages = new Messages(parts);
  }

  /** Goes on with posts that an earlier bot had written down and not brought to Slack. */
  async start(): Promise<void> {
    for (const post of await this.#parts.journal.posts.unposted()) if (post.content !== null) this.post(post);
  }

  /** Ends what is on its way; the rest is in the journal. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  get waiting(): number {
    return this.#entries.size;
  }

  show(show: Show): void {
    const known = this.#entries.get(show.key);
    if (known) {
      known.show = show;
      if (show.urgency < known.urgency) {
        known.urgency = show.urgency;
        known.sinceMs = Date.now();
      }
    } else {
      const shownAtMs = this.#shownAtMs.get(show.key) ?? 0;
      this.#add(show, show.urgency, { show, notBeforeMs: shownAtMs + GAP_MS[show.urgency] });
    }
    this.#pump();
  }

  turn(turn: Turn): void {
    if (this.#entries.has(turn.key)) return;
    this.#add(turn, URGENCY.thread, { turn });
    this.#pump();
  }

  /** One that the journal has, with its content. */
  post(post: Post): void {
    if (this.#entries.has(post.key)) return;
    this.#add(post, URGENCY.change, { post });
    this.#pump();
  }

  #add(to: { key: string; channel: string }, urgency: Urgency, given: Partial<Entry>): void {
    this.#entries.set(to.key, newEntry(to, urgency, given));
  }

  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    const nowMs = Date.now();
    let wakeAtMs = nowMs + IDLE_MS;
    const order = [...this.#entries.values()].sort((a, b) => a.urgency - b.urgency || a.sinceMs - b.sinceMs);
    for (const entry of order) {
      if (this.#inFlight >= MOST_IN_FLIGHT) break;
      if (entry.inFlight || this.#waitsForOther(entry)) continue;
      const method = methodOf(entry);
      const paceMs = method === null || entry.isPaid ? 0 : this.#pace.readyAtMs(method, entry.channel, nowMs);
      const atMs = Math.max(paceMs, entry.notBeforeMs);
      if (atMs > nowMs) {
        wakeAtMs = Math.min(wakeAtMs, atMs);
        continue;
      }
      if (method !== null && !entry.isPaid) this.#pace.took(method, entry.channel, nowMs);
      this.#send(entry);
    }
    this.#timer = setTimeout(() => this.#pump(), Math.max(10, wakeAtMs - Date.now()));
  }

  /** Posts of one thread come one after the other. */
  #waitsForOther({ turn, key }: Entry): boolean {
    return turn !== null && [...this.#entries.keys()].some((other) => other.startsWith(`${key}:`));
  }

  #send(entry: Entry): void {
    entry.inFlight = true;
    entry.isPaid = false;
    this.#inFlight += 1;
    this.#work(entry)
      .catch((error: unknown) => this.#failed(entry, error))
      .catch((error: unknown) => {
        this.#parts.log.error({ message: entry.key, error: describeError(error) }, 'a message is given up');
        this.#entries.delete(entry.key);
      })
      .finally(() => {
        entry.inFlight = false;
        this.#inFlight -= 1;
        if (this.#inFlight === 0) for (const resolve of this.#idle.splice(0)) resolve();
        this.#pump();
      });
  }

  async #work(entry: Entry): Promise<void> {
    const { journal } = this.#parts;
    if (entry.turn) {
      const post = await entry.turn.take();
      this.#entries.delete(entry.key);
      if (post) this.#add(post, URGENCY.change, { post, isPaid: true });
      return;
    }
    if (entry.post === null) {
      entry.post = (await journal.posts.get(entry.key)) ?? emptyPost(entry.key, entry.channel);
      entry.channel = entry.post.channel;
      // An earlier bot may have been killed before it said so.
      const { ts, channel } = entry.post;
      if (ts !== null && ts !== REFUSED) await this.#parts.posted(entry.key, channel, ts);
      return;
    }
    const { show, urgency } = entry;
    const rendered = show ? show.render() : stored(entry.post);
    if (!rendered) {
      this.#entries.delete(entry.key);
      return;
    }
    entry.show = null;
    entry.urgency = URGENCY.progress;
    // A change of state is worth a second call, to show all of it again if Slack takes it now.
    const form = entry.form ?? (urgency === URGENCY.progress ? this.#forms.get(entry.key) : null) ?? 'full';
    try {
      await this.#say(entry, show, rendered, form);
      if (form === 'full' || rendered.isFinal) this.#forms.delete(entry.key);
      else this.#forms.set(entry.key, form);
    } catch (error) {
      entry.show ??= show;
      entry.urgency = Math.min(entry.urgency, urgency) as Urgency;
      if (error instanceof SlackError && error.fault.kind === 'refused')
        return this.#refused(entry, error, show, form, rendered.isFinal);
      throw error;
    }
  }

  async #say(entry: Entry, show: Show | null, rendered: Rendered, form: Form): Promise<void> {
    const sent = inForm(rendered.content, form);
    const post = entry.post as Post;
    if (post.ts === REFUSED && rendered.isFinal && post.shown === REFUSED) {
      await this.#messages.anew(post, keptOf(entry));
    }
    if (entry.post?.ts !== null) {
      await this.#messages.update(post, rendered, sent, keptOf(entry));
      return this.#done(entry);
    }
    const posted = await this.#messages.post(entry.post, rendered, sent, keptOf(entry));
    if (posted.kind === 'wait') {
      entry.show ??= show;
      entry.urgency = URGENCY.change;
      entry.notBeforeMs = posted.untilMs;
      return;
    }
    if (!posted.isShown) entry.show ??= show;
    const { key, channel, ts } = entry.post as Post;
    await this.#parts.posted(key, channel, ts as string);
    this.#done(entry);
  }

  /** Unless something newer was said meanwhile. */
  #done(entry: Entry): void {
    const nowMs = Date.now();
    entry.failures = 0;
    entry.form = null;
    this.#shownAtMs.set(entry.key, nowMs);
    if (entry.show) {
      entry.urgency = entry.show.urgency;
      entry.notBeforeMs = nowMs + GAP_MS[entry.urgency];
      entry.sinceMs = nowMs;
      return;
    }
    this.#entries.delete(entry.key);
    if (entry.post?.content !== null || entry.post.shown?.startsWith('final:')) this.#shownAtMs.delete(entry.key);
  }

  async #failed(entry: Entry, error: unknown): Promise<void> {
    const { log } = this.#parts;
    const nowMs = Date.now();
    entry.failures += 1;
    const fault = error instanceof SlackError ? error.fault : null;
    if (fault?.kind === 'slower') {
      const { code, method } = error as SlackError;
      log.warn({ message: entry.key, method, code, retryAfterMs: fault.retryAfterMs }, 'Slack wants it slower');
      this.#pace.close(method, entry.channel, nowMs + fault.retryAfterMs, nowMs);
      if (method === 'chat.postMessage' && entry.post) await this.#messages.notPosted(entry.post, keptOf(entry));
      else if (method !== methodOf(entry)) entry.notBeforeMs = nowMs + fault.retryAfterMs;
      return;
    }
    if (entry.failures === 1) log.warn({ message: entry.key, error: describeError(error) }, 'a message is tried again');
    entry.notBeforeMs = nowMs + Math.min(30_000, 500 * 2 ** Math.min(entry.failures, 6));
  }

  /** Slack says no to what `sent` says. */
  async #refused(entry: Entry, error: SlackError, sent: Show | null, form: Form, isFinal: boolean): Promise<void> {
    const { log } = this.#parts;
    const post = entry.post as Post;
    const elsewhere = post.channel === entry.show?.channel ? entry.show.elsewhere : null;
    const way = wayOut(error.code, { form, isFinal, isPosted: post.ts !== null, elsewhere });
    const what = { message: entry.key, channel: post.channel, code: error.code, error: describeError(error.cause) };
    switch (way.kind) {
      case 'shorter':
        log.error({ ...what, form, next: way.form }, 'Slack does not take all of a message');
        entry.form = way.form;
        if (post.ts === null) await this.#messages.notPosted(post, keptOf(entry));
        return;
      case 'elsewhere':
        log.warn(what, 'not let into the channel: it goes to the asker');
        return this.#messages.redirect(post, way.channel, keptOf(entry));
      case 'anew':
        log.warn(what, 'a message cannot be changed: its last is posted anew');
        return this.#messages.anew(post, keptOf(entry));
      case 'none':
        log.error(what, 'Slack does not take a message');
        await this.#messages.giveUp(post, isFinal, keptOf(entry));
        // What was said while Slack said no is tried by itself: it may be the end.
        if (entry.show === sent) this.#entries.delete(entry.key);
        else {
          entry.form = null;
          entry.notBeforeMs = Date.now() + GAP_MS[entry.urgency];
        }
    }
  }
}
