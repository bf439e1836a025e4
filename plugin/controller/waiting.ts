import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AdmissionCalls } from '../nova/control.ts';
import type { MigrationsSource } from '../proxy/overlay/request.ts';
import type { WaitingMigration } from '../proxy/overlay/views.ts';
import { ADMINISTRATOR } from './admit.ts';
import type { Entry, Queue } from './queue.ts';
import type { Store, StoredMigration } from './store/store.ts';

/** A claim lasts for a write to the database, or for a look at Nova. */
const CLAIM_WITHIN_MS = 3000;
const CLAIM_AGAIN_MS = 20;

/** Nova keeps its records until its database is archived; these are shown this long, and the newest of them alone. */
const ENDED_SHOWN_MS = 24 * 3_600_000;
const ENDED_SHOWN = 200;
/** The list of migrations may be asked for in a loop: the database is not, each time. */
const ENDED_READ_EVERY_MS = 1000;

/** What the proxy shows of the queue in Nova's own answers, and how it ends one of them. */
export function waitingMigrations(
  queue: Queue,
  store: Store,
  nova: Pick<AdmissionCalls, 'caller' | 'server'>,
  log: Logger,
): MigrationsSource {
  const isShown = (entry: Entry) => isWaiting(entry) && !queue.isOver(entry.id);
  let ended: { readAtMs: number; shown: Promise<WaitingMigration[]> } | null = null;
  return {
    async waiting(serverId) {
      const entries = queue.entries().filter((entry) => serverId === null || entry.vmUuid === serverId);
      return entries.filter(isShown).map(shownAs);
    },

    ended() {
      const nowMs = Date.now();
      if (ended === null || nowMs - ended.readAtMs >= ENDED_READ_EVERY_MS) {
        const shown = store.endedUnseen(nowMs - ENDED_SHOWN_MS, ENDED_SHOWN).then((records) => records.map(endedAs));
        ended = { readAtMs: nowMs, shown };
      }
      return ended.shown;
    },

    migrating() {
      const nowMs = Date.now();
      return new Set(
        queue
          .entries()
          .filter((entry) => isShown(entry) && !isEarly(entry, nowMs))
          .map(({ vmUuid }) => vmUuid),
      );
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
        ended = null;
        return true;
      } finally {
        queue.release(record);
      }
    },
  };
}

/** A caller read 202 for it, and Nova has no record of it yet. */
function isWaiting({ deferred, state, novaMigrationId }: Entry): boolean {
  return deferred && novaMigrationId === null && ['queued', 'reserving', 'submitted'].includes(state);
}

/** Asked for through the control API for a later time: until then its server is what it is. */
function isEarly({ asked }: Entry, nowMs: number): boolean {
  return (asked?.notBeforeAtMs ?? 0) > nowMs;
}

/** As Nova shows one that was aborted in its queue, or that it could not begin. */
function endedAs(record: StoredMigration): WaitingMigration {
  const status = record.state === 'aborted' ? 'cancelled' : 'error';
  return { ...shownAs(record), status, updatedAtMs: record.endedAtMs ?? record.receivedAtMs, asked: false };
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
    status: 'queued',
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
