import { setTimeout as sleep } from 'node:timers/promises';
import axios from 'axios';
import type { Logger } from 'pino';
import { describeError, SlackError } from '../errors.ts';
import type { Content } from './content.ts';
import { type Form, inForm, shorterForm } from './shorten.ts';
import type { SlackApi } from './slack.ts';

/** Who is answered, and where. */
export interface Address {
  user: string;
  channel: string;
  /** Slack's own address for answers to this command or click; null: there is none. */
  responseUrl: string | null;
  /** When it was given. */
  atMs: number;
}

/** Slack takes five answers within half an hour (docs.slack.dev, handling user interaction). */
const MOST_USES = 5;
const GOOD_FOR_MS = 29 * 60_000;
const TIMEOUT_MS = 5000;
const ATTEMPTS = 4;
const KEPT_OUT = ['not_in_channel', 'channel_not_found', 'user_not_in_channel', 'is_archived'];

/** Answers that only the one who asked sees: to Slack's address for them, or else by name in the channel, or directly. */
export class Replies {
  readonly #slack: SlackApi;
  readonly #host: string;
  readonly #log: Logger;
  readonly #uses = new Map<string, { count: number; atMs: number }>();

  constructor(slack: SlackApi, apiUrl: string, log: Logger) {
    this.#slack = slack;
    const { hostname } = new URL(apiUrl);
    this.#host = hostname;
    this.#log = log;
  }

  /** @throws Error while Slack is away: whoever has to say it says it again. */
  async insist(to: Address, content: Content): Promise<void> {
    if (!(await this.answer(to, content))) throw new Error(`${to.user} cannot be answered now`);
  }

  /** False: Slack is away, and it can be tried again; else it is said, or Slack does not take it. */
  async answer(to: Address, all: Content): Promise<boolean> {
    let form: Form = 'full';
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const content = inForm(all, form);
      try {
        if (!(await this.#byUrl(to, content))) await this.#byName(to, content);
        return true;
      } catch (error) {
        const fault = error instanceof SlackError ? error.fault : null;
        const shorter: Form | null = error instanceof SlackError ? shorterForm(form, error.code) : null;
        if (shorter !== null) {
          this.#log.error({ user: to.user, form, error: describeError(error) }, 'Slack does not take all of an answer');
          form = shorter;
          attempt -= 1;
          continue;
        }
        if (attempt === ATTEMPTS || fault?.kind === 'refused') {
          this.#log.warn({ user: to.user, error: describeError(error) }, 'somebody cannot be answered');
          return fault?.kind === 'refused';
        }
        await sleep(fault?.kind === 'slower' ? fault.retryAfterMs : 500 * 2 ** attempt);
      }
    }
    return false;
  }

  /** False: it is used up, or Slack does not take it there. */
  async #byUrl({ responseUrl, atMs }: Address, { text, blocks }: Content): Promise<boolean> {
    const nowMs = Date.now();
    if (responseUrl === null || nowMs - atMs > GOOD_FOR_MS || !this.#isSlacks(responseUrl)) return false;
    const uses = this.#uses.get(responseUrl) ?? { count: 0, atMs };
    if (uses.count >= MOST_USES) return false;
    uses.count += 1;
    this.#uses.set(responseUrl, uses);
    for (const [url, known] of this.#uses) if (nowMs - known.atMs > GOOD_FOR_MS) this.#uses.delete(url);
    try {
      const body = { response_type: 'ephemeral', replace_original: false, text, blocks };
      await axios.post(responseUrl, body, { timeout: TIMEOUT_MS, maxRedirects: 0, proxy: false });
      return true;
    } catch (error) {
      this.#log.debug({ error: describeError(error) }, 'an answer goes another way');
      return false;
    }
  }

  async #byName({ user, channel }: Address, { text, blocks }: Content): Promise<void> {
    try {
      await this.#slack.call('chat.postEphemeral', { channel, user, text, blocks });
    } catch (error) {
      if (!(error instanceof SlackError) || !KEPT_OUT.includes(error.code)) throw error;
      await this.#slack.call('chat.postMessage', { channel: user, text, blocks });
    }
  }

  /** What is answered goes to Slack and nowhere else. */
  #isSlacks(url: string): boolean {
    const { hostname, protocol } = new URL(url);
    if (hostname === this.#host) return true;
    return protocol === 'https:' && (hostname === 'slack.com' || hostname.endsWith('.slack.com'));
  }
}
