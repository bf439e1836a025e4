import { isAtLeast } from '../microversion.ts';
import { overlayId, overlayUuid } from './identity.ts';

/** Nova's statuses of a live migration that waits for its turn, and of one that ended before Nova's drivers had it. */
export type OverlayStatus = 'queued' | 'cancelled' | 'error';

/** A migration that was answered 202 and that Nova does not know (yet). */
export interface WaitingMigration {
  /** Drover's id. */
  id: number;
  vmUuid: string;
  projectId: string;
  userId: string;
  source: string;
  /** Nova's name of the hypervisor there, null where it is not known. */
  sourceNode: string | null;
  /** Null: Nova will choose. */
  destination: string | null;
  createdAtMs: number;
  /** When it was last changed. */
  updatedAtMs: number;
  /** `queued` while it waits. */
  status: OverlayStatus;
  /** Nova was asked for it and has not shown its own record yet; such a one cannot be aborted. */
  asked: boolean;
}

/** What the answer is made for. */
export interface Viewer {
  /** As Nova said it: never `latest`. */
  microversion: string;
  /** False where Nova's policy hides hosts from the caller (`index:host`, from Nova 32). */
  seesHosts: boolean;
  /** `http://nova:8774/v2.1` or with the project behind it: what Nova's links begin with. */
  base: string;
}

/**
 * An entry of `GET /os-migrations`, members in Nova's order (nova/objects/migration.py, Migration.fields).
 *
 * | from | has also            |
 * |------|---------------------|
 * | 2.23 | migration_type; links of one that has not ended |
 * | 2.59 | uuid                |
 * | 2.80 | user_id, project_id |
 *
 * Flavor ids are those of Nova's database and unknown here.
 */
export function listedView(waiting: WaitingMigration, viewer: Viewer): Record<string, unknown> {
  const { microversion, base } = viewer;
  const since = (version: string, members: Record<string, unknown>) =>
    isAtLeast(microversion, version) ? members : {};
  const path = `servers/${waiting.vmUuid}/migrations/${overlayId(waiting.id)}`;
  return {
    id: overlayId(waiting.id),
    ...since('2.59', { uuid: uuidOf(waiting) }),
    source_compute: viewer.seesHosts ? waiting.source : null,
    dest_compute: viewer.seesHosts ? waiting.destination : null,
    source_node: viewer.seesHosts ? waiting.sourceNode : null,
    dest_node: null,
    dest_host: null,
    old_instance_type_id: null,
    new_instance_type_id: null,
    instance_uuid: waiting.vmUuid,
    status: waiting.status,
    ...since('2.23', { migration_type: 'live-migration' }),
    ...since('2.80', { user_id: waiting.userId, project_id: waiting.projectId }),
    created_at: novaTime(waiting.createdAtMs),
    updated_at: novaTime(waiting.updatedAtMs),
    ...(waiting.status !== 'queued'
      ? {}
      : since('2.23', {
          links: [
            { rel: 'self', href: `${base}/${path}` },
            // Nova's bookmarks leave the version out.
            { rel: 'bookmark', href: `${base.replace(/\/v2(\.1)?(?=\/|$)/, '')}/${path}` },
          ],
        })),
  };
}

/** An entry of `GET /servers/{id}/migrations` and the answer of `.../{mid}` (server_migrations.py, output). */
export function serverView(waiting: WaitingMigration, viewer: Viewer): Record<string, unknown> {
  const { microversion, seesHosts } = viewer;
  return {
    created_at: novaTime(waiting.createdAtMs),
    dest_compute: seesHosts ? waiting.destination : null,
    dest_host: null,
    dest_node: null,
    disk_processed_bytes: null,
    disk_remaining_bytes: null,
    disk_total_bytes: null,
    id: overlayId(waiting.id),
    memory_processed_bytes: null,
    memory_remaining_bytes: null,
    memory_total_bytes: null,
    server_uuid: waiting.vmUuid,
    source_compute: seesHosts ? waiting.source : null,
    source_node: seesHosts ? waiting.sourceNode : null,
    status: waiting.status,
    updated_at: novaTime(waiting.updatedAtMs),
    ...(isAtLeast(microversion, '2.59') ? { uuid: uuidOf(waiting) } : {}),
    ...(isAtLeast(microversion, '2.80') ? { user_id: waiting.userId, project_id: waiting.projectId } : {}),
  };
}

export function uuidOf({ id, createdAtMs }: WaitingMigration): string {
  return overlayUuid({ id, createdAtMs });
}

/** `2026-11-24T18:00:00.000000`: UTC, whole seconds, as oslo.serialization writes what MySQL keeps. */
export function novaTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}.000000`;
}

/** JSON as Python's json.dumps writes it: `", "` and `": "`, everything but ASCII escaped. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([name, member]) => `${pythonJson(name)}: ${pythonJson(member)}`);
    return `{${members.join(', ')}}`;
  }
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
