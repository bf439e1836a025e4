import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AdmissionCalls } from '../nova/control.ts';
import type { MigrationsSource } from '../proxy/overlay/request.ts';
import type { WaitingMigration } from '../proxy/overlay/views.ts';
import { ADMINISTRATOR } from './admit.ts';
import type { Entry, Queue } from './queue.ts';
import type { Store } from './store/store.ts';

/** A claim lasts for a write to the database, or for a look at Nova. */
const CLAIM_WITHIN_MS = 3000;
const CLAIM_AGAIN_MS = 20;

/** What the proxy shows of the queue in Nova's own lists, and how it ends one of them. */
export function waitingMigrations(
  queue: Queue,
  store: Store,
  nova: Pick<AdmissionCalls, 'caller' | 'server'>,
  log: Logger,
): MigrationsSource {
  return {
    async waiting(serverId) {
      const entries = queue.entries().filter((entry) => serverId === null || entry.vmUuid === serverId);
      return entries.filter(isShown).map(shownAs);
    },

    async novaId(record, serverId) {
      const found = await store.get(record);
      return found?.vmUuid === serverId ? found.novaMigrationId : null;
    },

    async stateAllows(kind, token, serverId) {
      const [caller, server] = await Promise.all([token === null ? null : nova.caller(token), nova.server(serverId)]);
      if (server === null || (kind === 'force' && server.status !== 'ACTIVE')) return false;
      // Nova asks no policy for this, but whether the context is an administrator's (check_instance_lock).
      return !server.locked || caller?.roles.includes(ADMINISTRATOR) === true;
    },

    async abort(record, token) {
      if (!(await claimed(queue, record))) return false;
      const entry = queue.get(record);
      try {
        if (!entry?.deferred) return false;
        const user = token === null ? null : await nova.caller(token);
        const text = `aborted by user ${user?.userId ?? 'unknown'} while it waited`;
        log.info({ migration: record, vm: entry.vmName, user: user?.userId }, 'aborted while it waited');
        await queue.move(entry, 'aborted', { code: 'aborted-while-queued', text });
        return true;
      } finally {
        queue.release(record);
      }
    },
  };
}

/** A caller read 202 for it, and Nova has no record of it yet. */
function isShown({ deferred, state, novaMigrationId }: Entry): boolean {
  return deferred && novaMigrationId === null && ['queued', 'reserving', 'submitted'].includes(state);
}

function shownAs(entry: Entry): WaitingMigration {
  const { id, vmUuid, projectId, userId, source, destination, receivedAtMs, changedAtMs, server, state } = entry;
  return {
    id,
    vmUuid,
    projectId,
    userId,
    source,
    sourceNode: server.node ?? null,
    destination,
    createdAtMs: receivedAtMs,
    updatedAtMs: changedAtMs ?? receivedAtMs,
    asked: state !== 'queued',
  };
}

async function claimed(queue: Queue, id: number): Promise<boolean> {
  const giveUpAtMs = Date.now() + CLAIM_WITHIN_MS;
  while (!queue.claim(id)) {
    const state = queue.get(id)?.state;
    if (state !== 'queued' || Date.now() >= giveUpAtMs) return false;
    await sleep(CLAIM_AGAIN_MS);
  }
  return true;
}
