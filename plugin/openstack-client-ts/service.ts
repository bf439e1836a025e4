import { type CallOptions, DEFAULT_TIMEOUT_MS, type OpenStackConfig } from './config.ts';
import { exchange, type HttpAnswer } from './http.ts';
import type { Identity } from './identity.ts';

export interface Call extends CallOptions {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
}

/** One OpenStack service: where it is, and the version headers that it wants. */
export interface ServiceKind {
  /** Its type in Keystone's catalogue. */
  type: string;
  /** Instead of the catalogue's endpoint. */
  endpoint: string | undefined;
  /** What calls are appended to. */
  baseUrl(endpoint: string): string;
  versionHeaders(microversion: string): Record<string, string>;
  defaultMicroversion: string;
}

/**
 * Makes a call with its caller's token or the client's own. A 401 to the client's own token means it was revoked: one new
 * login, one more try. A 401 was not executed.
 *
 * @throws OpenStackError where there is no answer, or no endpoint (`catalogue-incomplete`)
 */
export async function callService(
  kind: ServiceKind,
  config: OpenStackConfig,
  identity: Identity,
  call: Call,
): Promise<HttpAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    const token = call.as ?? (await identity.ownToken()).id;
    const endpoint = kind.endpoint ?? identity.endpoint(await identity.ownToken(), kind.type);
    const answer = await exchange({
      method: call.method,
      url: kind.baseUrl(endpoint) + call.path + queryString(call.query),
      headers: {
        'x-auth-token': token,
        ...kind.versionHeaders(call.microversion ?? kind.defaultMicroversion),
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(call.body === undefined ? {} : { body: call.body }),
      timeoutMs: call.timeoutMs ?? config.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      signal: call.signal,
      mayGo: call.mayGo,
    });
    if (answer.status !== 401 || call.as !== undefined || attempt > 1) return answer;
    identity.forget(token);
  }
}

function queryString(query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}
