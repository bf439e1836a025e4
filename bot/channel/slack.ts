import { ErrorCode, WebClient } from '@slack/web-api';
import type { Logger } from 'pino';
import { SlackError, type SlackFault } from '../errors.ts';
import { boltLogger } from './logger.ts';

const TIMEOUT_MS = 10_000;
/** Slack's words for a fault of its own: it may have done what was asked (docs, chat.postMessage: `fatal_error`). */
const OWN_FAULTS = ['internal_error', 'fatal_error', 'request_timeout', 'service_unavailable', 'team_added_to_org'];
/** An operator mends these; until then nothing is thrown away. */
const OPERATORS = ['invalid_auth', 'not_authed', 'token_revoked', 'token_expired', 'account_inactive'];
const OPERATORS_MS = 30_000;

export type SlackAnswer = { ok: boolean } & Record<string, unknown>;

/** Slack's Web API: one call, one answer. It tries nothing twice, as that would post twice. */
export class SlackApi {
  readonly #client: WebClient;

  constructor(apiUrl: string, token: string, log: Logger) {
    this.#client = new WebClient(token, {
      slackApiUrl: apiUrl,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      timeout: TIMEOUT_MS,
      logger: boltLogger(log),
    });
  }

  /** @throws SlackError */
  async call(method: string, args: Record<string, unknown>): Promise<SlackAnswer> {
    try {
      return (await this.#client.apiCall(method, args)) as unknown as SlackAnswer;
    } catch (error) {
      const { code, fault } = faultOf(error);
      throw new SlackError(method, code, fault, { cause: error });
    }
  }
}

function faultOf(error: unknown): { code: string; fault: SlackFault } {
  const { code, retryAfter, data } = error as { code?: string; retryAfter?: number; data?: { error?: string } };
  if (code === ErrorCode.RateLimitedError) {
    return { code: 'ratelimited', fault: { kind: 'slower', retryAfterMs: (retryAfter ?? 1) * 1000 } };
  }
  if (code !== ErrorCode.PlatformError) return { code: 'unreachable', fault: { kind: 'unknown' } };
  const said = data?.error ?? 'unknown_error';
  if (OWN_FAULTS.includes(said)) return { code: said, fault: { kind: 'unknown' } };
  if (OPERATORS.includes(said)) return { code: said, fault: { kind: 'slower', retryAfterMs: OPERATORS_MS } };
  return { code: said, fault: { kind: 'refused' } };
}
