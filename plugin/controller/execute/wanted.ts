import type { WantedMigration } from '../../nova/control.ts';
import type { StoredMigration } from '../store/store.ts';

/** How Nova's record of a migration that it was asked for is known. Pure. */
export function wantedOf(
  record: Pick<
    StoredMigration,
    'vmUuid' | 'submittedAtMs' | 'receivedAtMs' | 'novaMigrationId' | 'request' | 'deferred' | 'userId'
  >,
): WantedMigration {
  const { vmUuid, submittedAtMs, receivedAtMs, novaMigrationId, request, deferred, userId } = record;
  return {
    vmUuid,
    sinceMs: submittedAtMs ?? receivedAtMs,
    id: novaMigrationId,
    newestBefore: request.newestBefore ?? 0,
    // A deferred one is asked for with Drover's account, another one with its caller's own token.
    userId: deferred ? null : userId,
  };
}
