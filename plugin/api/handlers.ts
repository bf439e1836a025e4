import { z } from 'zod';
import {
  type AuditEntry,
  AuditQuery,
  EventsQuery,
  type Health,
  type HostView,
  type MigrationEvent,
  MigrationId,
  type MigrationRecord,
  MigrationRequest,
  MigrationsQuery,
  type Notice,
  type Plan,
  type PolicyExplanation,
  type PolicyStatus,
  type Priority,
  PriorityChange,
  type Readiness,
  ServersQuery,
  type ServerView,
  type WhatIfAnswer,
  WhatIfRequest,
} from '../contract.ts';
import type { Asker } from '../controller/may-ask.ts';
import { DroverError } from '../errors.ts';
import { type Position, readPosition } from './feed.ts';
import { parse, parseQuery, readJson } from './request.ts';
import { type Exchange, type Handlers, Reply, streamed, Text } from './routes.ts';
import type { EventStreams } from './stream.ts';

/** What the calls are answered from. */
export interface Service {
  migrations(query: MigrationsQuery): Promise<MigrationRecord[]>;
  migration(id: number): Promise<MigrationRecord | null>;
  events(id: number): Promise<MigrationEvent[]>;
  ask(
    request: MigrationRequest,
    asker: Asker,
    traceparent: string | null,
  ): Promise<{ record: MigrationRecord; added: boolean }>;
  cancel(id: number, asker: Asker): Promise<MigrationRecord>;
  setPriority(id: number, priority: Priority, asker: Asker): Promise<MigrationRecord>;
  servers(query: ServersQuery): Promise<ServerView[]>;
  hosts(): HostView[];
  policy(): PolicyStatus;
  /** What the policy says of a server, by name or id. */
  explain(vm: string, destination: string | null): Promise<PolicyExplanation>;
  plan(): Plan;
  whatIf(request: WhatIfRequest): Promise<WhatIfAnswer>;
  notices(after: number, limit: number): Promise<Notice[]>;
  audit(before: number | null, limit: number): Promise<AuditEntry[]>;
  /** Writes who asked what and what was decided. */
  note(entry: Omit<AuditEntry, 'id'>): void;
  streams: Pick<EventStreams, 'open' | 'page'>;
  health(): Health;
  readiness(): Promise<Readiness>;
  /** Prometheus' text format. */
  metrics(): Promise<string>;
}

const NOTICES_AT_ONCE = 200;
/** 200 servers with long names. */
const WHAT_IF_MAX_BYTES = 256 * 1024;
const ExplainQuery = z.strictObject({ vm: z.string().min(1), destination: z.string().min(1).optional() });
const NoticesQuery = z.strictObject({ after: z.coerce.number().int().nonnegative().default(0) });

export function createHandlers(service: Service): Handlers {
  const found = async (text: string): Promise<MigrationRecord> => {
    const id = parse(MigrationId, text, 'the number of the migration');
    const migration = await service.migration(id);
    if (migration) return migration;
    throw new DroverError('migration-unknown', `no migration ${id}; \`drover queue --all\` lists them`);
  };
  return {
    'GET /v1/migrations': ({ url }) => service.migrations(parseQuery(MigrationsQuery, url)),
    'GET /v1/migrations/{id}': async ({ params }) => {
      const migration = await found(params.id ?? '');
      return { ...migration, events: await service.events(migration.id) };
    },
    'GET /v1/migrations/{id}/events': async ({ params }) => service.events((await found(params.id ?? '')).id),
    'POST /v1/migrations': async (exchange) => {
      const request = parse(MigrationRequest, await readJson(exchange.request), 'the request');
      const { vm, ...details } = request;
      return audited(service, exchange, 'migrate', vm, details, async () => {
        const traceparent = traceContext(exchange.request.headers.traceparent);
        const { record, added } = await service.ask(request, exchange.principal, traceparent);
        return { record, reply: new Reply(added ? 201 : 200, record, { Location: `/v1/migrations/${record.id}` }) };
      });
    },
    'DELETE /v1/migrations/{id}': (exchange) => {
      const id = parse(MigrationId, exchange.params.id, 'the number of the migration');
      return audited(service, exchange, 'cancel', String(id), {}, async () => {
        const record = await service.cancel(id, exchange.principal);
        return { record, reply: record };
      });
    },
    'PATCH /v1/migrations/{id}': async (exchange) => {
      const id = parse(MigrationId, exchange.params.id, 'the number of the migration');
      const { priority } = parse(PriorityChange, await readJson(exchange.request), 'the change');
      return audited(service, exchange, 'priority', String(id), { priority }, async () => {
        const record = await service.setPriority(id, priority, exchange.principal);
        return { record, reply: record };
      });
    },
    'GET /v1/events': ({ url }) => {
      const { after } = parseQuery(EventsQuery, url);
      return service.streams.page(after === undefined ? null : position(after));
    },
    'GET /v1/events/stream': async ({ request, response, url }) => {
      const { after } = parseQuery(EventsQuery, url);
      const last = request.headers['last-event-id'] ?? after;
      await service.streams.open(response, typeof last === 'string' ? position(last) : null);
      return streamed;
    },
    'GET /v1/servers': ({ url }) => service.servers(parseQuery(ServersQuery, url)),
    'GET /v1/hosts': () => service.hosts(),
    'GET /v1/policy': () => service.policy(),
    'GET /v1/policy/explain': ({ url }) => {
      const { vm, destination } = parseQuery(ExplainQuery, url);
      return service.explain(vm, destination ?? null);
    },
    'GET /v1/plan': () => service.plan(),
    'POST /v1/plan/what-if': async ({ request }) =>
      service.whatIf(parse(WhatIfRequest, await readJson(request, WHAT_IF_MAX_BYTES), 'the question')),
    'GET /v1/notices': ({ url }) => service.notices(parseQuery(NoticesQuery, url).after, NOTICES_AT_ONCE),
    'GET /v1/audit': ({ url }) => {
      const { before, limit } = parseQuery(AuditQuery, url);
      return service.audit(before ?? null, limit);
    },
    'GET /healthz': ({ principal }) => {
      const { status, problems } = service.health();
      return { status, problems: principal.via === 'none' ? [] : problems };
    },
    'GET /readyz': async ({ principal }) => {
      const { ready, checks } = await service.readiness();
      const shown = principal.via === 'none' ? checks.map((check) => ({ ...check, text: '' })) : checks;
      return new Reply(ready ? 200 : 503, { ready, checks: shown });
    },
    'GET /metrics': async () => new Text('text/plain; version=0.0.4; charset=utf-8', await service.metrics()),
  };
}

/** Does it, and writes down what came of it, also where it is refused. */
async function audited(
  service: Pick<Service, 'note'>,
  { principal, requestId }: Exchange,
  action: string,
  target: string,
  details: AuditEntry['details'],
  act: () => Promise<{ record: MigrationRecord; reply: unknown }>,
): Promise<unknown> {
  const { name: who, via } = principal;
  const entry = { atMs: Date.now(), who, via, action, target, requestId };
  try {
    const { record, reply } = await act();
    service.note({ ...entry, decision: 'accepted', details: { ...details, migration: record.id, vm: record.vmName } });
    return reply;
  } catch (error) {
    const known = error instanceof DroverError ? error : null;
    const why = known ? { message: known.message } : {};
    service.note({ ...entry, decision: known?.code ?? 'internal', details: { ...details, ...why } });
    throw error;
  }
}

/** @throws DroverError `request-invalid`. */
function position(text: string): Position {
  const found = readPosition(text);
  if (found) return found;
  throw new DroverError(
    'request-invalid',
    `${JSON.stringify(text)} is no place in the events: take the id of one, as 12-3`,
  );
}

/** The W3C trace context of a request (version 00), null if it has none that is good. */
function traceContext(header: string | string[] | undefined): string | null {
  const good = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
  return typeof header === 'string' && good.test(header) ? header : null;
}
