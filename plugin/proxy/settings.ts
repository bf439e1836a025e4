import { z } from 'zod';
import { describeError } from '../errors.ts';
import { DEFAULT_LIMITS, type ProxyLimits } from './limits.ts';
import { networks } from './networks.ts';
import { TRUST_ALL } from './server.ts';
import { DEFAULT_HEALTH } from './upstream/upstreams.ts';

const HttpUrl = z.url({ protocol: /^https?$/, error: 'write http://HOST:PORT or https://HOST:PORT' });
const Milliseconds = z.number().int().positive();
const LIMIT_NAMES = Object.keys(DEFAULT_LIMITS) as [keyof ProxyLimits, ...(keyof ProxyLimits)[]];

/** Where Nova's clients reach Drover. */
export const ListenSettings = z.strictObject({
  /** `0.0.0.0`, `::` (both families) or one of this host's own. */
  address: z.string(),
  port: z.number().int().min(0).max(65535),
  /** PEM files, read again when they change. With them clients speak https, without them http. */
  tls: z.strictObject({ cert: z.string(), key: z.string() }).optional(),
});

/** Nova's API as Drover reaches it. */
export const NovaSettings = z.strictObject({
  url: HttpUrl,
  /** Further addresses of the same API: requests are shared among all that are well. */
  others: z.array(HttpUrl).default([]),
  balance: z.enum(['round-robin', 'least-connections']).default('round-robin'),
  /** PEM file of the authorities that are trusted for https, read again when it changes; the system's without it. */
  ca: z.string().optional(),
  /** How several addresses are watched (upstream/upstreams.ts). */
  health: z
    .strictObject({
      path: z
        .string()
        .regex(/^\/[!-~]*$/, 'write a path such as /healthcheck')
        .default(DEFAULT_HEALTH.path),
      intervalMs: Milliseconds.default(DEFAULT_HEALTH.intervalMs),
      timeoutMs: Milliseconds.default(DEFAULT_HEALTH.timeoutMs),
      fall: z.number().int().positive().default(DEFAULT_HEALTH.fall),
      rise: z.number().int().positive().default(DEFAULT_HEALTH.rise),
    })
    .default(DEFAULT_HEALTH),
});

/** What Nova is told of the client (oslo.middleware's http_proxy_to_wsgi reads it where it is switched on). */
export const ForwardedSettings = z.strictObject({
  /** Whether X-Forwarded-For, -Proto and -Host are sent. */
  send: z.boolean().default(true),
  /** Networks of the proxies before Drover, whose own X-Forwarded fields are kept; those of others are replaced. */
  trust: z
    .array(z.string())
    .superRefine((list, context) => {
      try {
        networks(list);
      } catch (error) {
        context.addIssue({ code: 'custom', message: describeError(error) });
      }
    })
    .default(TRUST_ALL),
});

/** Sizes and times, each with its default (limits.ts). */
export const LimitSettings = z.partialRecord(z.enum(LIMIT_NAMES), z.number().int().positive());
