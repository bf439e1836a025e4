import { type OpenStackClient, OpenStackError, type Server } from 'openstack-client-ts';
import { ProxyError, type ProxyErrorCode } from '../proxy/errors.ts';
import type { NovaCalls, ServerDetails, Submission, WantedMigration } from './control.ts';
import { findMigration, isFinal, migrationById, novaPhase, pickMigration } from './watch.ts';
import { liveMigrateBody, wouldTake } from './would-take.ts';

const TEXT_LIMIT = 500;
/** Nova's times are whole seconds of another machine's clock. */
const CLOCK_SKEW_MS = 5000;
/** Too many requests, or nobody behind the balancer: it is worth asking again, once Nova says that it has not taken it. */
const PASSING = [429, 502, 503, 504];
const NOT_REACHED: ProxyErrorCode[] = ['upstream-unreachable', 'upstream-busy'];
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The controller's calls to Keystone and Nova over the typed client. */
export function createNovaCalls(client: OpenStackClient): NovaCalls {
  const ofUser = async ({ vmUuid, sinceMs, newestBefore, userId }: WantedMigration) => {
    return { vmUuid, sinceMs, newestBefore, skewMs: CLOCK_SKEW_MS, userId: userId ?? (await client.account()).userId };
  };
  return {
    async caller(token) {
      const info = await client.validateToken(token);
      return info && { userId: info.userId, roles: info.roles };
    },

    async visible(token, serverId, microversion) {
      const seen = await unlessMissing(client.seesServer(serverId, { as: token, microversion }));
      return seen && { microversion: seen.microversion ?? microversion };
    },

    async server(serverId) {
      // Only a 404 means that there is none: a 401 is about our own token.
      const server = await unlessMissing(client.showServer(serverId), ['not-found']);
      return server && detailsOf(server);
    },

    async findServer(nameOrId) {
      const [found, second] = await serversNamed(client, nameOrId);
      return found && !second ? found : null;
    },

    serversNamed: (nameOrId) => serversNamed(client, nameOrId),

    async servers(host) {
      const servers = await client.listServers(host === null ? {} : { host });
      return servers.map((server) => ({ id: server.id, ...detailsOf(server) }));
    },

    async abort(vmUuid, novaMigrationId) {
      const { status, message } = await client.abortMigration(vmUuid, novaMigrationId);
      return { status, text: message ?? '' };
    },

    async computeHosts() {
      const services = await client.computeServices();
      return services
        .filter((service) => service.status === 'enabled' && service.state === 'up')
        .map((service) => service.host);
    },

    async newestMigration(serverId) {
      const filter = { instanceUuid: serverId, migrationType: 'live-migration' };
      const known = await client.listMigrations(filter);
      return Math.max(0, ...known.map(({ id }) => id));
    },

    async find(wanted) {
      const { vmUuid, id } = wanted;
      const found =
        id === null ? await findMigration(client, await ofUser(wanted)) : await migrationById(client, vmUuid, id);
      if (!found) return null;
      const { migration, phase } = found;
      return {
        id: migration.id,
        uuid: migration.uuid,
        phase,
        status: migration.status,
        destination: migration.destCompute,
      };
    },

    async forceComplete(vmUuid, novaMigrationId) {
      return (await client.forceComplete(vmUuid, novaMigrationId)).status;
    },

    wouldTake: (token, vmUuid, request) => wouldTake(client, token, vmUuid, request),

    async submit(vmUuid, request, right) {
      const { microversion } = request;
      const guard = right && { mayGo: () => right.stands(), signal: right.signal };
      try {
        const answer = await client.liveMigrate(vmUuid, liveMigrateBody(request), { microversion, ...guard });
        if (PASSING.includes(answer.status)) return 'unknown';
        return { status: answer.status, text: answer.message ?? '' };
      } catch (error) {
        return error instanceof OpenStackError && error.code === 'unreachable' ? 'not-reached' : 'unknown';
      }
    },

    async forwarded(forward) {
      try {
        const answer = await forward();
        const text = answer.body.toString('utf8').slice(0, TEXT_LIMIT);
        // Of a balancer before Nova, which does not know what became of it.
        if (answer.status === 502 || answer.status === 504) return { submission: 'unknown', answer };
        return { submission: { status: answer.status, text }, answer };
      } catch (error) {
        const submission: Submission =
          error instanceof ProxyError && NOT_REACHED.includes(error.code) ? 'not-reached' : 'unknown';
        return { submission, answer: null };
      }
    },

    async seen(wanted) {
      const { vmUuid } = wanted;
      // In this order: one that ends in between has a record.
      const server = await unlessMissing(client.showServer(vmUuid));
      const known = await client.listMigrations({ instanceUuid: vmUuid, migrationType: 'live-migration' });
      if (pickMigration(known, await ofUser(wanted))) return 'ours';
      if (server?.taskState !== 'migrating') return 'none';
      return known.some(({ status }) => !isFinal(novaPhase(status))) ? 'others' : 'unrecorded';
    },

    async requestIdOf(vmUuid, sinceMs) {
      const actions = await client.instanceActions(vmUuid).catch(() => []);
      const since = actions
        .filter(({ action, startTimeMs }) => action === 'live-migration' && startTimeMs >= sinceMs - CLOCK_SKEW_MS)
        .sort((a, b) => a.startTimeMs - b.startTimeMs);
      return since.at(-1)?.requestId ?? null;
    },
  };
}

async function serversNamed(client: OpenStackClient, nameOrId: string): Promise<(ServerDetails & { id: string })[]> {
  const byId = UUID.test(nameOrId) ? await unlessMissing(client.showServer(nameOrId)) : null;
  const found = byId ? [byId] : await client.listServers({ name: nameOrId });
  return found.map((server) => ({ id: server.id, ...detailsOf(server) }));
}

function detailsOf(server: Server): ServerDetails {
  const { name, projectId, metadata, imageId, availabilityZone, status, taskState, locked, host, flavor } = server;
  return {
    name,
    projectId,
    metadata,
    imageId,
    availabilityZone,
    status,
    taskState,
    locked,
    host,
    node: server.node,
    flavorName: flavor.name,
    memoryBytes: flavor.memoryBytes,
  };
}

async function unlessMissing<T>(
  call: Promise<T>,
  codes: OpenStackError['code'][] = ['not-found', 'unauthorized'],
): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof OpenStackError && codes.includes(error.code)) return null;
    throw error;
  }
}
