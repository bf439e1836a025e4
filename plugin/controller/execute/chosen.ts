import type { Reason } from '../../contract.ts';
import type { KeptRequest } from '../../nova/control.ts';
import { isAtLeast } from '../../proxy/microversion.ts';
import type { Change, StoredMigration } from '../store/store.ts';

/**
 * Before it Nova answers after its checks on both hosts, which whoever is told 202 before cannot have; before 2.30 it does
 * not have the scheduler verify a host that is named.
 */
const VERIFIED_AND_ASYNCHRONOUS = '2.34';

/** What Nova answers to one that names a host which it does not let it go to. */
const REFUSALS = [400, 403];

/**
 * Whether Drover may name a destination for it. Pure.
 *
 * | asked                                             | may |
 * |---------------------------------------------------|-----|
 * | without a host, from 2.34 on                      | yes |
 * | with a host                                       | no  |
 * | below 2.34, or with `force`                       | no  |
 * | Nova has refused the host that Drover had chosen  | no  |
 */
export function isChoosable({ host, force, microversion, refused }: KeptRequest): boolean {
  return host === null && force !== true && refused === undefined && isAtLeast(microversion, VERIFIED_AND_ASYNCHRONOUS);
}

type Chosen = Pick<StoredMigration, 'request' | 'decision' | 'novaMigrationId'>;

/** What Nova is asked for: the request as it came, with the host that Drover has chosen. Without `force` Nova verifies it. */
export function requestOf({ request, decision }: Chosen): KeptRequest {
  const host = decision?.destination?.host;
  return host === undefined || !isChoosable(request) ? request : { ...request, host, force: null };
}

/** Nova's answer says that it does not take the chosen host. */
export function refusesChosen(entry: Chosen, status: number): boolean {
  return requestOf(entry) !== entry.request && REFUSALS.includes(status);
}

/**
 * Nova's scheduler did not take the chosen host, or the checks there failed: the record has ended before a page was sent
 * and names no destination (nova/conductor/tasks/live_migrate.py, _find_destination). The guest is where it was.
 */
export function endedByChosen(entry: Chosen, end: Reason): boolean {
  return requestOf(entry) !== entry.request && end.code === 'no-valid-host';
}

/** What changes as one goes back to the queue: a host that was chosen for it is chosen anew, or not again. */
export function unchosen(entry: Chosen, isRefused = false): Change {
  const { request, decision, novaMigrationId } = entry;
  const host = decision?.destination?.host;
  if (host === undefined) return {};
  return {
    destination: request.host,
    decision: { ...decision, destination: null } as StoredMigration['decision'],
    ...(isRefused
      ? {
          request: { ...request, refused: { host, novaMigrationId } },
          novaMigrationId: null,
          novaMigrationUuid: null,
          submittedAtMs: null,
        }
      : {}),
  };
}

export function refusedReason({ decision }: Chosen, why: string): Reason {
  const host = decision?.destination?.host ?? '?';
  return {
    code: 'destination-refused',
    text: `Nova does not let it go to ${host} (${why}): asked once more, Nova chooses`,
  };
}
