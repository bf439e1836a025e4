import type { CallOptions, Migration, OpenStackClient } from 'openstack-client-ts';
import { isFinal, type NovaPhase, novaPhase, pickMigration } from './phase.ts';

export { isFinal, type NovaPhase, novaPhase, pickMigration };

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
  wanted: { vmUuid: string; sinceMs: number; skewMs?: number; newestBefore?: number; userId?: string },
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
