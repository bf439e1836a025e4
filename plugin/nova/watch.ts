import type { CallOptions, InstanceAction, Migration, OpenStackClient } from 'openstack-client-ts';
import { isFinal, type NovaPhase, novaPhase, pickIssued, pickMigration } from './phase.ts';

export { isFinal, type NovaPhase, novaPhase, pickIssued, pickMigration };

/** A migration as Nova records it, and what its status means. */
export interface SeenMigration {
  migration: Migration;
  phase: NovaPhase;
}

/** Nova's times are whole seconds of another machine's clock. */
const DEFAULT_SKEW_MS = 5000;

/**
 * Nova's record of the live migration that was asked for at `sinceMs`; null while there is none (0.1-0.3 s after the
 * 202). `os-migrations` is asked, since `/servers/{id}/migrations` goes empty once post-copy runs.
 */
export async function findMigration(
  client: OpenStackClient,
  wanted: { vmUuid: string; sinceMs: number; skewMs?: number; exclude?: ReadonlySet<number> },
  options: CallOptions = {},
): Promise<SeenMigration | null> {
  const migrations = await client.listMigrations(
    { instanceUuid: wanted.vmUuid, migrationType: 'live-migration' },
    options,
  );
  const migration = pickMigration(migrations, { ...wanted, skewMs: wanted.skewMs ?? DEFAULT_SKEW_MS });
  return migration && { migration, phase: novaPhase(migration.status) };
}

/** Nova's record with this id; null if there is none. */
export async function migrationById(
  client: OpenStackClient,
  vmUuid: string,
  migrationId: number,
  options: CallOptions = {},
): Promise<SeenMigration | null> {
  const migrations = await client.listMigrations({ instanceUuid: vmUuid, migrationType: 'live-migration' }, options);
  const migration = migrations.find((candidate) => candidate.id === migrationId) ?? null;
  return migration && { migration, phase: novaPhase(migration.status) };
}

/**
 * Whether Nova was asked for a live migration of this server since then: what tells, after a crash, that a request was
 * sent although nobody wrote down its answer. `exclude` names request ids that are known already.
 */
export async function wasIssued(
  client: OpenStackClient,
  vmUuid: string,
  sinceMs: number,
  options: CallOptions & { skewMs?: number; exclude?: ReadonlySet<string> } = {},
): Promise<InstanceAction | null> {
  const { skewMs = DEFAULT_SKEW_MS, exclude, ...call } = options;
  const actions = await client.instanceActions(vmUuid, call);
  return pickIssued(actions, { sinceMs, skewMs, ...(exclude ? { exclude } : {}) });
}
