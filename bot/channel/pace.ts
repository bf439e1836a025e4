interface Allowance {
  perSecond: number;
  burst: number;
  /** Each channel has its own. */
  byChannel?: true;
}

/**
 * How often Slack may be called, kept somewhat below what it answers 429 to: chat.postMessage about once a second in a
 * channel, chat.update 50 times a minute (tier 3), others by their tiers (docs.slack.dev, Web API rate limits).
 */
const ALLOWANCES: Readonly<Record<string, Allowance>> = {
  'chat.postMessage': { perSecond: 0.95, burst: 2, byChannel: true },
  'chat.update': { perSecond: 45 / 60, burst: 4 },
};
const OTHERS: Allowance = { perSecond: 15 / 60, burst: 5 };

interface Bucket {
  tokens: number;
  filledAtMs: number;
  /** Slack said so. */
  closedUntilMs: number;
}

/** Token buckets by method. Pure: the clock is an argument. */
export class Pace {
  readonly #buckets = new Map<string, Bucket>();

  /** When that may be called: at `nowMs` or later. */
  readyAtMs(method: string, channel: string, nowMs: number): number {
    const { bucket, perSecond } = this.#filled(method, channel, nowMs);
    const waitMs = bucket.tokens >= 1 ? 0 : ((1 - bucket.tokens) / perSecond) * 1000;
    return Math.max(nowMs + Math.ceil(waitMs), bucket.closedUntilMs);
  }

  took(method: string, channel: string, nowMs: number): void {
    this.#filled(method, channel, nowMs).bucket.tokens -= 1;
  }

  /** Slack answered 429. */
  close(method: string, channel: string, untilMs: number, nowMs: number): void {
    const { bucket } = this.#filled(method, channel, nowMs);
    bucket.closedUntilMs = Math.max(bucket.closedUntilMs, untilMs);
    bucket.tokens = Math.min(bucket.tokens, 0);
  }

  #filled(method: string, channel: string, nowMs: number): { bucket: Bucket; perSecond: number } {
    const { perSecond, burst, byChannel } = ALLOWANCES[method] ?? OTHERS;
    const key = byChannel ? `${method} ${channel}` : method;
    const bucket = this.#buckets.get(key) ?? { tokens: burst, filledAtMs: nowMs, closedUntilMs: 0 };
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.filledAtMs) / 1000) * perSecond);
    bucket.filledAtMs = nowMs;
    this.#buckets.set(key, bucket);
    return { bucket, perSecond };
  }
}
