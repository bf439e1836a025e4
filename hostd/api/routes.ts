/** The calls of hostd/contract.ts: which role each wants, and what it is answered from. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import {
  type Health,
  type HistoryAnswer,
  type HostInfo,
  type HostSample,
  Lease,
  LeaseRequest,
  type LeasesAnswer,
  type MigrationsAnswer,
} from '../contract.ts';
import { HostdError } from '../errors.ts';
import { decode, parse, parseQuery, readJson } from './request.ts';
import type { Role } from './roles.ts';

/** What the calls are answered from. */
export interface Service {
  info(): HostInfo;
  sample(): HostSample;
  /** The last `seconds` of the readings, with the VMs named. */
  history(seconds: number, vmUuids: readonly string[]): HistoryAnswer;
  migrations(after: number, waitMs: number, signal: AbortSignal): Promise<MigrationsAnswer>;
  leases(): LeasesAnswer;
  /** `client` is the common name of the caller's certificate. */
  putLease(leaseId: string, request: LeaseRequest, client: string): Promise<Lease>;
  deleteLease(leaseId: string, fence: number, client: string): Promise<void>;
  health(): Health;
  /** Prometheus' text format. */
  metrics(): Promise<string>;
  /** `listener` is called after every reading until the function given back is called. */
  onSample(listener: () => void): () => void;
  /** `listener` is called at every change of the migrations until the function given back is called. */
  onMigrations(listener: () => void): () => void;
}

export interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  /** Common name of the caller's certificate. */
  client: string;
  /** Raised when the caller is gone or hostd stops. */
  signal: AbortSignal;
}

/** A value becomes JSON, undefined 204, a `Text` is sent as it is; `streamed`: the handler answers by itself. */
export type Reply = unknown;
export class Text {
  readonly type: string;
  readonly text: string;

  constructor(type: string, text: string) {
    this.type = type;
    this.text = text;
  }
}
export const streamed = Symbol('streamed');

export interface Route {
  /** As the contract writes it; metrics are kept by it, so that a path made up by a caller makes no new series. */
  pattern: string;
  role: Role;
  handle(call: Call): Reply | Promise<Reply>;
}

const MAX_WAIT_MS = 30_000;
const MAX_HISTORY_SECONDS = 600;
const MAX_HISTORY_VMS = 200;

/** Node gives numbers of a query as text. `after` below the first revision means: answer at once. */
const MigrationsQuery = z.object({
  after: z.coerce.number().int().min(-1).default(-1),
  waitMs: z.coerce.number().int().min(0).max(MAX_WAIT_MS).default(0),
});
const FenceQuery = z.object({ fence: z.coerce.number().int().nonnegative() });
const HistoryQuery = z.object({
  seconds: z.coerce.number().int().min(1).max(MAX_HISTORY_SECONDS).default(MAX_HISTORY_SECONDS),
  vm: z.array(z.uuid()).max(MAX_HISTORY_VMS),
});
const EventsQuery = z.object({ vms: z.enum(['0', '1']).default('1') });

/** What opens a stream of events; `vms`: with the VMs in each sample. */
export type OpenStream = (response: ServerResponse, vms: boolean) => void;

export type Routes = (path: string) => Readonly<Record<string, Route>>;

/** Methods and their handlers of a path. @throws HostdError `route-unknown`. */
export function createRoutes(service: Service, openStream: OpenStream): Routes {
  const read = (handle: Route['handle']) => ({ role: 'read' as const, handle });
  const paths = new Map<string, Omit<Route, 'pattern'>>([
    ['/v1/host', read(() => service.info())],
    ['/v1/sample', read(() => service.sample())],
    ['/v1/history', read(({ url }) => history(service, url))],
    ['/v1/leases', read(() => service.leases())],
    ['/healthz', read(() => service.health())],
    ['/metrics', read(async () => new Text('text/plain; version=0.0.4; charset=utf-8', await service.metrics()))],
    [
      '/v1/migrations',
      read(({ url, signal }) => {
        const { after, waitMs } = parseQuery(MigrationsQuery, url);
        return service.migrations(after, waitMs, signal);
      }),
    ],
    [
      '/v1/events',
      read(({ url, response }) => {
        openStream(response, parseQuery(EventsQuery, url).vms === '1');
        return streamed;
      }),
    ],
  ]);
  return (path) => {
    const lease = /^\/v1\/leases\/([^/]+)$/.exec(path)?.[1];
    if (lease !== undefined) return leaseRoutes(service, lease);
    const found = paths.get(path);
    if (found === undefined)
      throw new HostdError('route-unknown', `There is no ${path}. See the table in hostd/contract.ts.`);
    return { GET: { pattern: path, ...found } };
  };
}

function history(service: Service, url: URL): HistoryAnswer {
  const { seconds, vm } = parse(
    HistoryQuery,
    { seconds: url.searchParams.get('seconds') ?? undefined, vm: url.searchParams.getAll('vm') },
    'The query',
  );
  return service.history(seconds, vm);
}

function leaseRoutes(service: Service, encodedId: string): Record<string, Route> {
  const base = { pattern: '/v1/leases/{leaseId}', role: 'reserve' as const };
  return {
    PUT: {
      ...base,
      handle: async ({ request, client }) => {
        const leaseId = parse(Lease.shape.leaseId, decode(encodedId), 'The lease id');
        return service.putLease(leaseId, parse(LeaseRequest, await readJson(request), 'The lease'), client);
      },
    },
    DELETE: {
      ...base,
      handle: ({ url, client }) => {
        const { fence } = parseQuery(FenceQuery, url);
        return service.deleteLease(decode(encodedId), fence, client);
      },
    },
  };
}
