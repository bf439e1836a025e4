import { randomUUID } from 'node:crypto';
import type { LiveMigrateBody, OpenStackClient } from 'openstack-client-ts';
import type { KeptRequest } from './control.ts';

/** The body of a kept request, with the members that its microversion has. */
export function liveMigrateBody({ host, blockMigration, diskOverCommit, force }: KeptRequest): LiveMigrateBody {
  return {
    host,
    blockMigration,
    ...(diskOverCommit === null ? {} : { diskOverCommit }),
    ...(force === null ? {} : { force }),
  };
}

/** The newest microversion that still has `force`. */
const WITH_FORCE = '2.67';

/**
 * Whether Nova would take this request from the holder of this token, found out with that token alone: the same request
 * is made for a destination that does not exist. Nova looks for it last, after token, microversion, schema, server,
 * policy, lock, state and what the server may have that is not live-migrated, and before it changes anything
 * (nova/compute/api.py, live_migrate: "Validate the specified host before changing the instance task state").
 *
 * | Nova's answer                                              | would take |
 * |------------------------------------------------------------|------------|
 * | 400 that names the host                                    | yes        |
 * | 403, the caller chose no host: see below                   |            |
 * | any other (401, 403, 404, 406, 409, 400, 5xx)              | no         |
 *
 * From Nova 32 a policy of its own lets callers choose a host. For one that may not and has not, a second request asks
 * without a host for what Nova refuses right after its policy: `force` without a host is 400 (migrate_server.py,
 * _get_force_param_for_live_migration). Lock and state of the server have been looked at before, in admit.
 *
 * What Nova finds out on the hosts themselves it tells at once below 2.34 only. That cannot be had before its time: a
 * caller of such a version who has to wait reads 202 and finds the failure in the list of migrations, as newer ones do.
 *
 * @throws OpenStackError where Nova does not answer
 */
export async function wouldTake(
  client: Pick<OpenStackClient, 'liveMigrate'>,
  token: string,
  vmUuid: string,
  request: KeptRequest,
): Promise<boolean> {
  const nowhere = `nowhere-${randomUUID()}`;
  const asCaller = { as: token, microversion: request.microversion };
  const answer = await client.liveMigrate(vmUuid, { ...liveMigrateBody(request), host: nowhere }, asCaller);
  // The name stands in the message in every language.
  if (answer.status === 400) return answer.message?.includes(nowhere) === true;
  if (answer.status !== 403 || request.host !== null) return false;
  const body: LiveMigrateBody = { host: null, blockMigration: request.blockMigration, force: true };
  return (await client.liveMigrate(vmUuid, body, { as: token, microversion: WITH_FORCE })).status === 400;
}
