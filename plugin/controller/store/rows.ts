import type { Selectable, Updateable } from 'kysely';
import { Asked, Decision, type MigrationRecord, type MigrationState, Outcome, Reason } from '../../contract.ts';
import type { KeptRequest } from '../../nova/control.ts';
import type { DecisionFacts } from '../plan/facts.ts';
import { writeFacts } from './facts.ts';
import type { MigrationTable } from './tables.ts';

/** What plan and tracker need to know of the server itself, as it was when the request came. */
export interface KeptServer {
  name: string;
  projectId: string;
  flavorName: string;
  memoryBytes: number;
  metadata: Record<string, string>;
  /** These are absent in records of before they were kept. */
  imageId?: string | null | undefined;
  availabilityZone?: string | null | undefined;
  requesterRoles?: string[] | undefined;
  /** Nova's name of the hypervisor that it runs on. */
  node?: string | null | undefined;
}

/** A migration with what only the controller needs. */
export interface StoredMigration extends MigrationRecord {
  request: KeptRequest;
  /** What the replica that has it from its client calls the request; null: it came without a name. */
  handover: string | null;
  server: KeptServer;
}

/** A migration that is not in the store yet. */
export type NewMigration = Pick<
  StoredMigration,
  'vmUuid' | 'userId' | 'source' | 'destination' | 'receivedAtMs' | 'request' | 'server'
> &
  Partial<Pick<StoredMigration, 'handover'>>;

export const FINAL_STATES: MigrationState[] = ['completed', 'failed', 'aborted'];

export function isFinal(state: MigrationState): boolean {
  return FINAL_STATES.includes(state);
}

/** Fields that a transition may set beside the state. */
export type Change = Partial<
  Pick<
    MigrationRecord,
    | 'source'
    | 'destination'
    | 'novaMigrationId'
    | 'novaMigrationUuid'
    | 'deferred'
    | 'submittedAtMs'
    | 'endedAtMs'
    | 'decision'
    | 'outcome'
    | 'asked'
  >
> & { facts?: DecisionFacts; request?: KeptRequest };

export function toColumns(change: Change): Updateable<MigrationTable> {
  const columns: Updateable<MigrationTable> = {};
  if (change.source !== undefined) columns.source = change.source;
  if (change.destination !== undefined) columns.destination = change.destination;
  if (change.novaMigrationId !== undefined) columns.nova_migration_id = change.novaMigrationId;
  if (change.novaMigrationUuid !== undefined) columns.nova_migration_uuid = change.novaMigrationUuid;
  if (change.deferred !== undefined) columns.deferred = change.deferred ? 1 : 0;
  if (change.submittedAtMs !== undefined) columns.submitted_at_ms = change.submittedAtMs;
  if (change.endedAtMs !== undefined) columns.ended_at_ms = change.endedAtMs;
  if (change.decision !== undefined) columns.decision = JSON.stringify(change.decision);
  if (change.request !== undefined) columns.request = JSON.stringify(change.request);
  if (change.facts !== undefined) columns.facts = writeFacts(change.facts);
  if (change.outcome !== undefined) columns.outcome = JSON.stringify(change.outcome);
  if (change.asked !== undefined) columns.asked = JSON.stringify(change.asked);
  return columns;
}

export function fromRow(row: Selectable<MigrationTable>): StoredMigration {
  const json = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
  return {
    id: row.id,
    vmUuid: row.vm_uuid,
    vmName: row.vm_name,
    projectId: row.project_id,
    userId: row.user_id,
    source: row.source,
    destination: row.destination,
    novaMigrationId: row.nova_migration_id,
    novaMigrationUuid: row.nova_migration_uuid,
    deferred: row.deferred === 1,
    state: row.state,
    stateReason: Reason.nullable().parse(json(row.state_reason)),
    receivedAtMs: row.received_at_ms,
    submittedAtMs: row.submitted_at_ms,
    endedAtMs: row.ended_at_ms,
    decision: Decision.nullable().parse(json(row.decision)),
    progress: null,
    outcome: Outcome.nullable().parse(json(row.outcome)),
    planned: null,
    asked: Asked.nullable().parse(json(row.asked)),
    handover: row.handover,
    request: json(row.request) as KeptRequest,
    server: json(row.server) as KeptServer,
  };
}
