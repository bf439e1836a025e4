import type { InstanceAction, Migration } from 'openstack-client-ts';
import { isFinal, novaPhase } from '../../../plugin/nova/phase.ts';
import type { Ledger, Taken } from '../../cloud/ledger.ts';
import type { Asked } from '../clients.ts';

/** What a real Nova says of one server. */
export interface NovaRecords {
  vmUuid: string;
  /** os-instance-actions and os-migrations. */
  actions: readonly InstanceAction[];
  migrations: readonly Migration[];
}

/** Nova writes whole seconds. */
const SECOND_MS = 1000;
const ENDS: Record<string, NonNullable<Taken['end']>> = {
  completed: 'completed',
  failed: 'failed',
  error: 'error',
  cancelled: 'cancelled',
};

/**
 * The ledger of a real Nova, by its own records. Pure. Nova writes an action when it takes a live migration, and moves one
 * server once at a time, so that the n-th action of a server has its n-th record; an action beyond these has none.
 *
 * Nova does not keep a client's tag. An action with a client's token is the client's whose answer has its request id, or
 * of the one that had last asked for that server. Refusals (`overlaps`) are not in Nova's records.
 *
 * @param serviceUserId Drover's own account, which no client uses
 */
export function ledgerOf(servers: readonly NovaRecords[], asked: readonly Asked[], serviceUserId: string): Ledger {
  return {
    taken: servers.flatMap((server) => takenOf(server, asked, serviceUserId)),
    overlaps: [],
    turnedAway: 0,
    faults: 0,
  };
}

function takenOf(
  { vmUuid, actions, migrations }: NovaRecords,
  asked: readonly Asked[],
  serviceUserId: string,
): Taken[] {
  const moves = migrations.filter((one) => one.migrationType === 'live-migration').sort((a, b) => a.id - b.id);
  const requests = actions
    .filter(({ action }) => action === 'live-migration')
    .sort((a, b) => a.startTimeMs - b.startTimeMs);
  return requests.map(({ requestId, userId, startTimeMs }, n) => {
    const move = moves[n] ?? null;
    const ended = move !== null && isFinal(novaPhase(move.status));
    const by = userId === serviceUserId ? 'service' : 'caller';
    return {
      vmUuid,
      by,
      tag: by === 'service' ? null : tagOf(vmUuid, requestId, startTimeMs, asked),
      requestId,
      // The end of that second: it was not taken later.
      takenAtMs: startTimeMs + SECOND_MS,
      migrationId: move?.id ?? null,
      end: ended ? (ENDS[move.status] ?? 'failed') : null,
      endedAtMs: ended ? move.updatedAtMs : null,
    };
  });
}

function tagOf(vmUuid: string, requestId: string, startTimeMs: number, asked: readonly Asked[]): string | null {
  const told = (one: Asked) => (typeof one.outcome === 'object' ? one.outcome.requestId : null);
  const answered = asked.find((one) => told(one) === requestId);
  if (answered) return answered.tag;
  const before = asked.filter((one) => one.vmUuid === vmUuid && one.sentAtMs <= startTimeMs + SECOND_MS);
  return before.at(-1)?.tag ?? null;
}
