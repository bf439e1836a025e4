/**
 * The words of Drover's decisions and the contract of its control API, owned here. Rates are bit/s, memory is bytes,
 * times are milliseconds; `AtMs` is Unix time.
 *
 * Control API: HTTP and JSON over a unix socket that only its owner can open (role `admin`), and over the network where
 * `control` of the configuration says so, with a bearer token of `drover token create` or a Keystone token.
 *
 * | call                           | role    | answer                                                                  |
 * |--------------------------------|---------|-------------------------------------------------------------------------|
 * | GET /v1/migrations             | read    | MigrationRecord[], newest first; MigrationsQuery says which             |
 * | GET /v1/migrations/{id}        | read    | MigrationWithEvents                                                     |
 * | GET /v1/migrations/{id}/events | read    | MigrationEvent[]                                                        |
 * | POST /v1/migrations            | request | 201 MigrationRecord of a MigrationRequest; 200 where its key was seen before |
 * | DELETE /v1/migrations/{id}     | request | MigrationRecord: ends it, or has Nova abort it; those of others: operate |
 * | PATCH /v1/migrations/{id}      | request | MigrationRecord with the PriorityChange; those of others: operate       |
 * | GET /v1/events?after=PLACE     | read    | FeedPage: what happened behind a place, see below                       |
 * | GET /v1/events/stream          | read    | the same as server-sent events, see below                               |
 * | GET /v1/servers                | read    | ServerView[]; ServersQuery says which                                   |
 * | GET /v1/hosts                  | read    | HostView[]                                                              |
 * | GET /v1/policy                 | read    | PolicyStatus                                                            |
 * | GET /v1/policy/explain         | read    | PolicyExplanation of `vm=NAME_OR_ID`, `destination=HOST` may be left out |
 * | GET /v1/plan                   | read    | Plan: when what waits and runs will start and end, as things stand      |
 * | POST /v1/plan/what-if          | read    | WhatIfAnswer of a WhatIfRequest: what would happen; changes nothing     |
 * | GET /v1/notices?after=ID       | read    | Notice[], oldest first, at most 200                                     |
 * | GET /v1/audit                  | admin   | AuditEntry[], newest first; AuditQuery says which                       |
 * | GET /metrics                   | read    | Prometheus' text format 0.0.4                                           |
 * | GET /healthz                   | anyone  | Health: the process is alive; `problems` only to who may read           |
 * | GET /readyz                    | anyone  | Readiness, 200 or 503                                                   |
 *
 * The stream (WHATWG HTML, 9.2) has `migration` with a MigrationEvent, `notice` with a Notice, and every two seconds
 * `progress` with a ProgressReport[] of what runs. The first two have an id, their place: a reader that connects again
 * with it in Last-Event-ID gets everything behind it, once and in order, also after a restart of the plugin and from
 * another replica. It begins with `hello`, whose id is the place from where it tells, or with `reset` where the place is
 * none of this database: then read everything anew. A comment comes every 15 s. Who reads nothing for 30 s is cut off.
 *
 * Errors are `ErrorAnswer` with a 4xx or 5xx status: 401 `unauthenticated`, 403 `forbidden`, 429 `too-many-attempts` with
 * Retry-After, and what each call says. Every answer has an X-Request-Id, which the audit has too.
 */
export { LinkReservation, NicRates, Priority } from 'drover-hostd/contract';
export * from './contract/audit.ts';
export * from './contract/calls.ts';
export * from './contract/decision.ts';
export * from './contract/events.ts';
export * from './contract/health.ts';
export * from './contract/hosts.ts';
export * from './contract/migration.ts';
export * from './contract/plan.ts';
export * from './contract/policy.ts';
export * from './contract/requests.ts';
export * from './contract/servers.ts';
export * from './contract/whatif.ts';
export * from './contract/words.ts';
export { MigrationFeatures } from './model/features.ts';
