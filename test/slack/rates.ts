/** How often Slack answers a method (docs.slack.dev/apis/web-api/rate-limits). */

/** Calls a minute: of a tier at least so many, and here no more. */
const PER_MINUTE: Readonly<Record<string, number>> = {
  'apps.connections.open': 100,
  'auth.test': 600,
  'chat.update': 50,
  'chat.delete': 50,
  'chat.postEphemeral': 100,
  'chat.getPermalink': 600,
  'conversations.history': 50,
  'conversations.replies': 50,
  'conversations.info': 50,
  'conversations.open': 50,
  'users.info': 100,
  'usergroups.users.list': 20,
  'usergroups.list': 20,
  'views.open': 100,
  'views.push': 100,
  'views.update': 100,
  'views.publish': 100,
};
/** chat.postMessage: one a second in a channel, with bursts of a few. */
const POSTS_PER_SECOND = 1;
const POST_BURST = 4;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Token buckets by method, and by channel for posts. */
export class Rates {
  readonly #buckets = new Map<string, Bucket>();

  /** 0: go on; else Slack's Retry-After in whole seconds. Null: the double does not know the method. */
  take(method: string, channel: string | null, nowMs: number): number | null {
    if (method === 'chat.postMessage') return this.#take(`${method} ${channel}`, POST_BURST, POSTS_PER_SECOND, nowMs);
    const perMinute = PER_MINUTE[method];
    return perMinute === undefined ? null : this.#take(method, perMinute, perMinute / 60, nowMs);
  }

  #take(key: string, most: number, perSecond: number, nowMs: number): number {
    const bucket = this.#buckets.get(key) ?? { tokens: most, filledAtMs: nowMs };
    bucket.tokens = Math.min(most, bucket.tokens + ((nowMs - bucket.filledAtMs) / 1000) * perSecond);
    bucket.filledAtMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond));
    bucket.tokens -= 1;
    return 0;
  }
}
