import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import axios, { type AxiosInstance, isAxiosError } from 'axios';
import {
  ErrorAnswer,
  HostView,
  MigrationRecord,
  type MigrationRequest,
  MigrationWithEvents,
  Plan,
  PolicyExplanation,
  PolicyStatus,
  type Priority,
  ServerView,
  WhatIfAnswer,
  type WhatIfRequest,
} from 'drover-plugin/contract';
import { z } from 'zod';
import type { ControlAddress } from '../config.ts';
import { ControlError, UNREACHABLE } from '../errors.ts';

/** Nova is asked behind some of them. */
const TIMEOUT_MS = 15_000;
const MOST = 1000;

/** The calls of the plugin's control API that the bot makes. Each throws ControlError. */
export class DroverClient {
  readonly #http: AxiosInstance;
  readonly #servers = new Map<string, Promise<ServerView[]>>();

  constructor(address: ControlAddress, token: string | null) {
    this.#http = axios.create({ ...connection(address, token), timeout: TIMEOUT_MS });
  }

  /** Those who ask for the same while it is being answered get the same answer: Nova is asked behind it. */
  servers(query: { name?: string; host?: string } = {}): Promise<ServerView[]> {
    const key = JSON.stringify(query);
    const known = this.#servers.get(key);
    if (known) return known;
    const answer = this.#get('/v1/servers', z.array(ServerView), { ...query, limit: MOST }).finally(() =>
      this.#servers.delete(key),
    );
    this.#servers.set(key, answer);
    return answer;
  }

  hosts(): Promise<HostView[]> {
    return this.#get('/v1/hosts', z.array(HostView));
  }

  /** What waits and runs. */
  unfinished(): Promise<MigrationRecord[]> {
    return this.#get('/v1/migrations', z.array(MigrationRecord), { limit: MOST });
  }

  /** The newest of all, newest first. */
  newest(limit: number): Promise<MigrationRecord[]> {
    return this.#get('/v1/migrations', z.array(MigrationRecord), { all: '1', limit });
  }

  /** Of a server, by name or id, newest first. */
  migrationsOf(vm: string): Promise<MigrationRecord[]> {
    return this.#get('/v1/migrations', z.array(MigrationRecord), { all: '1', vm, limit: 10 });
  }

  /** What was asked for together, ended or not. */
  group(group: string): Promise<MigrationRecord[]> {
    return this.#get('/v1/migrations', z.array(MigrationRecord), { all: '1', group, limit: MOST });
  }

  /** Null: the plugin has none of that number. */
  async migration(id: number): Promise<MigrationWithEvents | null> {
    try {
      return await this.#get(`/v1/migrations/${id}`, MigrationWithEvents);
    } catch (error) {
      if (error instanceof ControlError && error.code === 'migration-unknown') return null;
      throw error;
    }
  }

  migrate(request: MigrationRequest): Promise<MigrationRecord> {
    return this.#call('POST', '/v1/migrations', MigrationRecord, { body: request });
  }

  cancel(id: number): Promise<MigrationRecord> {
    return this.#call('DELETE', `/v1/migrations/${id}`, MigrationRecord);
  }

  setPriority(id: number, priority: Priority): Promise<MigrationRecord> {
    return this.#call('PATCH', `/v1/migrations/${id}`, MigrationRecord, { body: { priority } });
  }

  plan(): Promise<Plan> {
    return this.#get('/v1/plan', Plan);
  }

  whatIf(request: WhatIfRequest): Promise<WhatIfAnswer> {
    return this.#call('POST', '/v1/plan/what-if', WhatIfAnswer, { body: request });
  }

  policy(): Promise<PolicyStatus> {
    return this.#get('/v1/policy', PolicyStatus);
  }

  explain(vm: string): Promise<PolicyExplanation> {
    return this.#get('/v1/policy/explain', PolicyExplanation, { vm });
  }

  #get<T>(path: string, schema: z.ZodType<T>, params: object = {}): Promise<T> {
    return this.#call('GET', path, schema, { params });
  }

  async #call<T>(
    method: string,
    url: string,
    schema: z.ZodType<T>,
    { params = {}, body = undefined }: { params?: object; body?: object } = {},
  ): Promise<T> {
    let data: unknown;
    try {
      data = (await this.#http.request({ method, url, params, ...(body === undefined ? {} : { data: body }) })).data;
    } catch (error) {
      throw controlError(error);
    }
    const parsed = schema.safeParse(data);
    if (parsed.success) return parsed.data;
    const text = `${method} ${url} was answered in a form that this bot does not know: do bot and plugin have the same version?`;
    throw new ControlError('control-answer-invalid', text, true, { cause: parsed.error });
  }
}

/** How axios reaches it. */
export function connection(address: ControlAddress, token: string | null): object {
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  if ('socket' in address) return { baseURL: 'http://control', socketPath: address.socket, proxy: false, headers };
  const { url, ca } = address;
  const agent = ca === undefined ? {} : { httpsAgent: new Agent({ ca: readFileSync(ca), keepAlive: true }) };
  return { baseURL: url, proxy: false, headers, ...agent };
}

export function controlError(error: unknown): ControlError {
  if (!isAxiosError(error)) return new ControlError(UNREACHABLE, String(error), true, { cause: error });
  const { response } = error;
  if (!response) {
    const text = `the control API does not answer (${error.code ?? error.message})`;
    return new ControlError(UNREACHABLE, text, true, { cause: error });
  }
  const answer = ErrorAnswer.safeParse(response.data);
  const isPassing = response.status >= 500 || response.status === 429;
  if (!answer.success) {
    const text = `the control API answers ${response.status}: does something else stand at its address?`;
    return new ControlError(`http-${response.status}`, text, isPassing, { cause: error });
  }
  const { code, message, retryable } = answer.data.error;
  // A server that is busy now is not waited for: its asker is told, and asks again.
  const passes = isPassing || (retryable && code === 'policy-missing');
  return new ControlError(code, message, passes, { cause: error });
}
