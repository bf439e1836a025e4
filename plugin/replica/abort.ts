import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Store } from '../controller/store/store.ts';
import { overlayId } from '../proxy/overlay/identity.ts';
import type { MigrationsSource } from '../proxy/overlay/request.ts';
import type { Election } from './election.ts';

const ANSWER_WITHIN_MS = 15_000;
/** From 2.24 on Nova knows the call (nova/api/openstack/compute/server_migrations.py). */
const MICROVERSION = 'compute 2.93';

/**
 * What the proxy of a follower shows of the migrations that wait: it has them from the database, and lets the leader end
 * one, with the caller's own token, for the leader alone knows whether it has begun meanwhile.
 */
export function followersMigrations(
  own: MigrationsSource,
  election: Pick<Election, 'leader'>,
  store: Pick<Store, 'get'>,
  ca: string | null,
): MigrationsSource {
  return {
    ...own,
    async abort(record, token) {
      const { leader } = election;
      if (leader?.address == null) return own.abort(record, token);
      const [found, id] = [await store.get(record), overlayId(record)];
      if (!found || id === null || token === null) return false;
      const path = `/v2.1/servers/${found.vmUuid}/migrations/${id}`;
      return (await askToAbort(new URL(path, leader.address), token, ca)) === 202;
    },
  };
}

function askToAbort(url: URL, token: string, ca: string | null): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method: 'DELETE',
      headers: { 'X-Auth-Token': token, 'OpenStack-API-Version': MICROVERSION },
      agent: false,
      timeout: ANSWER_WITHIN_MS,
      ...(ca === null ? {} : { ca }),
    });
    sent.on('timeout', () => sent.destroy(new Error('the leader does not answer')));
    sent.on('error', reject);
    sent.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 502);
    });
    sent.end();
  });
}
