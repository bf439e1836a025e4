import type { Generated } from 'kysely';
import type { MigrationState } from '../../contract.ts';

/** A row of `migration`. Nested values are JSON. */
export interface MigrationTable {
  id: Generated<number>;
  vm_uuid: string;
  vm_name: string;
  project_id: string;
  user_id: string;
  source: string;
  destination: string | null;
  nova_migration_id: number | null;
  nova_migration_uuid: string | null;
  deferred: number;
  state: MigrationState;
  state_reason: string | null;
  received_at_ms: number;
  submitted_at_ms: number | null;
  ended_at_ms: number | null;
  decision: string | null;
  outcome: string | null;
  request: string;
  server: string;
  /** DecisionFacts; null until it is decided. */
  facts: string | null;
  /** Asked; null: it came through the compute API. */
  asked: string | null;
  /** The request that it came with, as the replica that had it from its client calls it; null: none did. */
  handover: string | null;
}

export interface EventTable {
  /** In the order of writing. */
  id: Generated<number>;
  migration_id: number;
  at_ms: number;
  state: MigrationState;
  reason: string;
}

/** One row: who leads, and how long nobody else may. */
export interface LeadershipTable {
  /** Always 1. */
  id: Generated<number>;
  /** Number of the leadership; each is above all before it. */
  fence: number;
  /** Name of the replica. */
  replica: Generated<string>;
  /** Base URL where other replicas reach it. */
  address: string | null;
  /** Unix time by the database's clock. */
  lapses_at_ms: Generated<number>;
}

/** Kept beside the migrations: what concerns all of them. */
export interface NoticeTable {
  id: Generated<number>;
  at_ms: number;
  code: string;
  text: string;
  details: string;
}

/** Which migration an idempotency key stands for. A key is its client's own. */
export interface IdempotencyTable {
  client: string;
  key: string;
  /** SHA-256 of what was asked with it. */
  digest: string;
  migration_id: number;
}

/** Who asked what and what was decided; only ever added to. */
export interface AuditTable {
  id: Generated<number>;
  at_ms: number;
  /** Name of the token, of the Keystone user, or `local`. */
  who: string;
  via: string;
  action: string;
  /** What it was asked of: a server, a migration; null: nothing in particular. */
  target: string | null;
  decision: string;
  request_id: string;
  /** JSON. */
  details: string;
}

export interface Schema {
  leadership: LeadershipTable;
  migration: MigrationTable;
  event: EventTable;
  notice: NoticeTable;
  idempotency: IdempotencyTable;
  audit: AuditTable;
}
