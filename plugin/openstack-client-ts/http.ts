import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import axios from 'axios';
import type { z } from 'zod';
import { codeOfStatus, fromTransport, OpenStackError } from './errors.ts';
import { GuardedConnection } from './guarded.ts';

/** Longest answer that is read. A page of 1000 servers in detail is about 3 MB. */
const MAX_ANSWER_BYTES = 64 * 2 ** 20;

/**
 * One connection per request: a kept connection that the service closes at the same moment would leave open whether a
 * POST was executed.
 */
const httpAgent = new Agent({ keepAlive: false });
const httpsAgent = new TlsAgent({ keepAlive: false });

export interface HttpRequest {
  method: 'GET' | 'POST' | 'DELETE';
  url: string;
  headers: Record<string, string>;
  body?: unknown;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** See CallOptions. */
  mayGo?: (() => boolean) | undefined;
}

export interface HttpAnswer {
  /** `GET /path`, for error texts. */
  call: string;
  status: number;
  /** Names in lower case; repeated fields joined with a comma. */
  headers: Record<string, string>;
  /** Parsed JSON; null where the answer is empty or no JSON. */
  body: unknown;
}

/**
 * One HTTP exchange. Any status is an answer; redirects are not followed, proxies of the environment not used.
 *
 * @throws OpenStackError `unreachable`, `withheld`, `interrupted`, `timeout` or `cancelled`
 */
export async function exchange(request: HttpRequest): Promise<HttpAnswer> {
  const call = `${request.method} ${request.url}`;
  const { mayGo } = request;
  const guarded = mayGo ? new GuardedConnection(mayGo) : null;
  try {
    const answer = await axios.request<string>({
      method: request.method,
      url: request.url,
      headers: { accept: 'application/json', 'user-agent': 'drover', ...request.headers },
      data: request.body,
      timeout: request.timeoutMs,
      // axios' own timeout starts with the connection; this one bounds the whole exchange, name lookup included.
      signal: endOf(request, guarded),
      responseType: 'text',
      transformResponse: (text) => text,
      validateStatus: () => true,
      maxRedirects: 0,
      maxContentLength: MAX_ANSWER_BYTES,
      proxy: false,
      httpAgent: guarded?.httpAgent ?? httpAgent,
      httpsAgent: guarded?.httpsAgent ?? httpsAgent,
    });
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(answer.headers)) {
      headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : String(value);
    }
    return { call, status: answer.status, headers, body: parseJson(answer.data) };
  } catch (error) {
    const failure = fromTransport(call, error);
    if (failure.code === 'cancelled' && !request.signal?.aborted) {
      throw new OpenStackError('timeout', `${call}: no answer within ${request.timeoutMs} ms`, { cause: error });
    }
    throw failure;
  }
}

/** Of a guarded connection the reset comes before axios closes it in the ordinary way. */
function endOf({ timeoutMs, signal }: HttpRequest, guarded: GuardedConnection | null): AbortSignal {
  const end = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
  if (guarded === null) return end;
  const afterReset = new AbortController();
  const reset = () => {
    guarded.reset();
    afterReset.abort(end.reason);
  };
  if (end.aborted) reset();
  else end.addEventListener('abort', reset, { once: true });
  return afterReset.signal;
}

function parseJson(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * The service's own words in an error answer: `{"itemNotFound": {"code": 404, "message": "..."}}` and alike, or Placement's
 * `{"errors": [{"detail": "..."}]}`.
 */
export function faultMessage(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null;
  if ('errors' in body && Array.isArray(body.errors)) {
    const detail: unknown = body.errors[0]?.detail;
    return typeof detail === 'string' ? detail.trim() : null;
  }
  for (const fault of Object.values(body)) {
    if (typeof fault === 'object' && fault !== null && typeof fault.message === 'string') return fault.message;
  }
  return null;
}

/** @throws OpenStackError for every status that is not a success. */
export function requireSuccess(answer: HttpAnswer): HttpAnswer {
  if (answer.status >= 200 && answer.status < 300) return answer;
  const text = faultMessage(answer.body) ?? 'no message';
  const code = codeOfStatus(answer.status);
  const hint = code === 'redirected' ? ` to ${answer.headers.location ?? '?'}: name that URL in the configuration` : '';
  throw new OpenStackError(code, `${answer.call}: HTTP ${answer.status}${hint}: ${text}`, { status: answer.status });
}

/** @throws OpenStackError `answer-invalid` naming the fields that are not as expected. */
export function parseBody<T>(answer: HttpAnswer, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(answer.body);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new OpenStackError('answer-invalid', `${answer.call}: unexpected answer: ${problems.join('; ')}`, {
    status: answer.status,
  });
}
