import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import axios, { type AxiosInstance, isAxiosError } from 'axios';
import { ErrorAnswer, HostInfo, HostSample, Lease, type LeaseRequest, MigrationsAnswer } from 'drover-hostd/contract';
import type { z } from 'zod';
import { DroverError, describeError } from '../errors.ts';

/** Client certificate and CA files for hostd's mutual TLS. */
export interface HostTls {
  ca: string;
  cert: string;
  key: string;
}

/** A lease without the fencing number, which the client adds. */
export type LeaseWish = Omit<LeaseRequest, 'fence'>;

/** One compute host's hostd. Every call throws DroverError `hostd-unreachable`, `hostd-refused` or `hostd-answer-invalid`. */
export interface HostClient {
  readonly host: string;
  info(): Promise<HostInfo>;
  sample(): Promise<HostSample>;
  /** Waits up to `waitMs` for a revision above `after`; null: answers at once. */
  migrations(after: number | null, waitMs: number, signal?: AbortSignal): Promise<MigrationsAnswer>;
  putLease(leaseId: string, lease: LeaseWish): Promise<Lease>;
  /** No error if there is no such lease. */
  deleteLease(leaseId: string): Promise<void>;
}

const TIMEOUT_MS = 2000;

/**
 * Reads the certificates once; connections are kept open between calls.
 *
 * @param fence number of this process' leadership (LeaseRequest.fence), asked for at each call.
 */
export function createHostClient(host: string, url: string, tls: HostTls, fence: () => number): HostClient {
  const httpsAgent = new Agent({
    keepAlive: true,
    minVersion: 'TLSv1.3',
    ca: readFileSync(tls.ca),
    cert: readFileSync(tls.cert),
    key: readFileSync(tls.key),
  });
  const http = axios.create({
    baseURL: url,
    httpsAgent,
    proxy: false,
    maxRedirects: 0,
    timeout: TIMEOUT_MS,
    validateStatus: () => true,
  });

  return {
    host,
    info: () => call(http, host, HostInfo, { url: '/v1/host' }),
    sample: () => call(http, host, HostSample, { url: '/v1/sample' }),
    migrations: (after, waitMs, signal) =>
      call(http, host, MigrationsAnswer, {
        url: '/v1/migrations',
        params: after === null ? {} : { after, waitMs },
        timeout: waitMs + TIMEOUT_MS,
        ...(signal ? { signal } : {}),
      }),
    putLease: (leaseId, lease) =>
      call(http, host, Lease, {
        method: 'put',
        url: `/v1/leases/${leaseId}`,
        data: { ...lease, fence: fence() },
        timeout: 2 * TIMEOUT_MS,
      }),
    async deleteLease(leaseId) {
      const params = { fence: fence() };
      await call(http, host, null, { method: 'delete', url: `/v1/leases/${leaseId}`, params, timeout: 2 * TIMEOUT_MS });
    },
  };
}

interface Call {
  method?: string;
  url: string;
  params?: object;
  data?: unknown;
  timeout?: number;
  signal?: AbortSignal;
}

async function call<T>(http: AxiosInstance, host: string, schema: z.ZodType<T> | null, request: Call): Promise<T> {
  const what = `hostd on ${host}, ${request.method ?? 'get'} ${request.url}`;
  const send = () => http.request(request);
  const again = (error: unknown) => (wasClosedBefore(error) ? send() : Promise.reject(error));
  const answer = await send()
    .catch(again)
    .catch((error: unknown) => {
      throw new DroverError('hostd-unreachable', `${what}: ${describeError(error)}`, { cause: error });
    });
  if (answer.status === 404 && request.method === 'delete') return undefined as T;
  if (answer.status >= 300) {
    const parsed = ErrorAnswer.safeParse(answer.data);
    const text = parsed.success ? `${parsed.data.error.code}: ${parsed.data.error.message}` : 'no error text';
    throw new DroverError('hostd-refused', `${what}: HTTP ${answer.status}, ${text}`);
  }
  if (schema === null) return undefined as T;
  const parsed = schema.safeParse(answer.data);
  if (!parsed.success) {
    throw new DroverError('hostd-answer-invalid', `${what}: not the contract's answer: ${parsed.error.message}`);
  }
  return parsed.data;
}

/**
 * A kept connection was closed by hostd just when it was used again (Node's http, request.reusedSocket). Every call of
 * hostd's may be made twice.
 */
function wasClosedBefore(error: unknown): boolean {
  return isAxiosError(error) && error.code === 'ECONNRESET' && error.request?.reusedSocket === true;
}
