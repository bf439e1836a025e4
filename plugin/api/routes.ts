/** Which handler answers each call of plugin/contract.ts, and with which role. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CALLS, type Call, type Role } from '../contract.ts';
import { DroverError } from '../errors.ts';
import type { Principal } from './authenticate.ts';

/** One request on its way to its answer. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  /** What stands for each `{name}` of the path. */
  params: Readonly<Record<string, string>>;
  principal: Principal;
  /** `req-UUID`; also in the answer's X-Request-Id and in the audit. */
  requestId: string;
  /** Raised when the caller is gone or the plugin stops. */
  signal: AbortSignal;
}

/** What a handler answers; a plain value is JSON with status 200. */
export class Reply {
  readonly status: number;
  readonly value: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.value = value;
    this.headers = headers;
  }
}

/** Sent as it is. */
export class Text {
  readonly type: string;
  readonly text: string;

  constructor(type: string, text: string) {
    this.type = type;
    this.text = text;
  }
}

/** The handler answers by itself. */
export const streamed = Symbol('streamed');

export type Handler = (exchange: Exchange) => unknown;
export type Handlers = Readonly<Record<Call, Handler>>;

export interface Route {
  call: Call;
  /** As the contract writes it; metrics are kept by it, so that a path made up by a caller makes no new series. */
  pattern: string;
  method: string;
  role: Role | 'anyone';
  params: Readonly<Record<string, string>>;
}

const ROUTES = (Object.keys(CALLS) as Call[]).map((call) => {
  const [method = '', pattern = ''] = call.split(' ');
  const path = new RegExp(`^${pattern.replaceAll('.', '\\.').replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
  return { call, method, pattern, path };
});

/** @throws DroverError `route-unknown`, `method-not-allowed` with what is allowed. */
export function findRoute(method: string, path: string): Route {
  const here = ROUTES.filter((route) => route.path.test(path));
  const found = here.find((route) => route.method === method);
  if (found) {
    const { call, pattern } = found;
    return { call, pattern, method, role: CALLS[call], params: paramsOf(found.path.exec(path)?.groups ?? {}) };
  }
  if (here.length === 0) {
    throw new DroverError('route-unknown', `${path}: no such call; plugin/contract.ts lists them`);
  }
  const allow = here.map((route) => route.method).join(', ');
  throw new DroverError('method-not-allowed', `${path} takes ${allow}, not ${method}`, { headers: { Allow: allow } });
}

function paramsOf(groups: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, text]) => [name, decodeURIComponent(text)]));
  } catch {
    throw new DroverError('request-invalid', 'the path has a "%" that begins no percent-encoding');
  }
}
