/** The lab's OpenStack by plain REST: a start of the stock client costs 2-3 s, a call from here milliseconds. */
import { KEYSTONE_URL, PASSWORD } from './config/identity.ts';
import type { Courier } from './courier.ts';
import type { Answer } from './errand.ts';
import { CONTROL_ADDRESS, PORTS } from './plan.ts';

/** nova 26 speaks up to 2.93. */
export const NOVA_MICROVERSION = '2.93';

export const SERVICE_URLS = {
  identity: KEYSTONE_URL,
  compute: `http://${CONTROL_ADDRESS}:${PORTS.nova}/v2.1`,
  placement: `http://${CONTROL_ADDRESS}:${PORTS.placement}`,
  image: `http://${CONTROL_ADDRESS}:${PORTS.glance}`,
  network: `http://${CONTROL_ADDRESS}:${PORTS.neutron}`,
} as const;

export interface RestOptions {
  body?: unknown;
  bodyFile?: string;
  headers?: Record<string, string>;
  /** Files of the client's certificate, for https. */
  tls?: { ca: string; cert: string; key: string };
  /** Default 60 s. */
  timeoutMs?: number;
}

export interface RestAnswer extends Answer {
  /** The parsed body, or undefined if it is none of JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: the lab reads single fields of many documents of its own OpenStack
  json: any;
}

export class Rest {
  readonly #courier: Courier;
  #token: string | undefined;

  constructor(courier: Courier) {
    this.#courier = courier;
  }

  /** Logs in as admin; `fresh` fetches a new token (and with it a new catalogue). */
  async token(fresh = false): Promise<string> {
    if (this.#token !== undefined && !fresh) return this.#token;
    const domain = { id: 'default' };
    const answer = await this.send('POST', `${KEYSTONE_URL}/auth/tokens`, {
      body: {
        auth: {
          identity: { methods: ['password'], password: { user: { name: 'admin', domain, password: PASSWORD } } },
          scope: { project: { name: 'admin', domain } },
        },
      },
    });
    const token = answer.headers['x-subject-token'];
    if (typeof token !== 'string') throw new Error(`no token: ${answer.status} ${answer.body.slice(0, 300)}`);
    this.#token = token;
    return token;
  }

  /** One call with the admin's token, whatever its status. */
  async call(method: string, url: string, options: RestOptions = {}): Promise<RestAnswer> {
    const version = { 'OpenStack-API-Version': `compute ${NOVA_MICROVERSION}` };
    const headers = { 'X-Auth-Token': await this.token(), ...version, ...options.headers };
    return this.send(method, url, { ...options, headers });
  }

  /** @throws {Error} with method, address and the service's answer unless the status is below 400 */
  async must(method: string, url: string, options: RestOptions = {}): Promise<RestAnswer> {
    const answer = await this.call(method, url, options);
    if (answer.status >= 400) throw new Error(`${method} ${url}: ${answer.status} ${answer.body.slice(0, 500)}`);
    return answer;
  }

  async send(method: string, url: string, options: RestOptions): Promise<RestAnswer> {
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const answer = await this.#courier.request({
      kind: 'http',
      method,
      url,
      headers: {
        ...(body === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': `${Buffer.byteLength(body)}` }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body }),
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      ...(options.bodyFile === undefined ? {} : { bodyFile: options.bodyFile }),
      timeoutMs: options.timeoutMs ?? 60_000,
    });
    return { ...answer, json: parse(answer) };
  }
}

function parse(answer: Answer): unknown {
  return /json/.test(String(answer.headers['content-type'])) && answer.body !== ''
    ? JSON.parse(answer.body)
    : undefined;
}
