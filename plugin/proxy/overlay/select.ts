import { isAtLeast } from '../microversion.ts';
import { type OverlayUuid, overlayId } from './identity.ts';
import { novaTime, uuidOf, type WaitingMigration } from './views.ts';

/** The fields of Nova's entries that are read here. */
export interface Listed {
  id: number;
  uuid?: string | undefined;
  created_at: string;
  status?: string | undefined;
  instance_uuid?: string | undefined;
  server_uuid?: string | undefined;
}

/** Where an entry stands in Nova's order: newest first, then the higher id (migrations.py, sort_keys). */
export type Place = Pick<Listed, 'id' | 'created_at'>;

export function placeOf({ id, createdAtMs }: OverlayUuid): Place {
  return { id: overlayId(id) ?? Number.MAX_SAFE_INTEGER, created_at: novaTime(createdAtMs) };
}

/** Above zero: `a` comes after `b`. */
export function compareNewestFirst(a: Place, b: Place): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return b.id - a.id;
}

/** The parameters of a query: of several with one name Nova takes the last (webob's MultiDict). */
export function parametersOf(rawTarget: string): Map<string, string> {
  const at = rawTarget.indexOf('?');
  return new Map(at === -1 ? [] : new URLSearchParams(rawTarget.slice(at + 1)));
}

/**
 * Whether Nova would list this migration for these filters (nova/db/main/api.py, migration_get_all_by_filters).
 *
 * | filter         | compares                                                             |
 * |----------------|----------------------------------------------------------------------|
 * | host           | source or destination; `source_compute` counts only without it       |
 * | node           | the source's node                                                    |
 * | hidden         | none of these is hidden                                              |
 * | changes-since  | last change, that second included; from 2.59, ignored below          |
 * | changes-before | the same; from 2.66                                                  |
 * | uuid           | below 2.59 only, where Nova takes every name                         |
 *
 * Texts are compared without case, as MySQL's default collation does.
 */
export function matches(
  waiting: WaitingMigration,
  filters: ReadonlyMap<string, string>,
  microversion: string,
): boolean {
  const same = (name: string, ...values: (string | null)[]) => {
    const wanted = filters.get(name)?.toLowerCase();
    return wanted === undefined || values.some((value) => value?.toLowerCase() === wanted);
  };
  const changed = (name: string, from: string, holds: (seconds: number, wanted: number) => boolean) => {
    const wanted = filters.get(name);
    if (wanted === undefined || !isAtLeast(microversion, from)) return true;
    const wantedMs = isoTime(wanted);
    return wantedMs !== null && holds(Math.floor(waiting.updatedAtMs / 1000), wantedMs / 1000);
  };
  return (
    same('status', waiting.status) &&
    same('migration_type', 'live-migration') &&
    same('instance_uuid', waiting.vmUuid) &&
    same('user_id', waiting.userId) &&
    same('project_id', waiting.projectId) &&
    same('node', waiting.sourceNode) &&
    same('hidden', '0', 'false', 'f', 'no', 'off') &&
    same('uuid', uuidOf(waiting)) &&
    (filters.has('host')
      ? same('host', waiting.source, waiting.destination)
      : same('source_compute', waiting.source)) &&
    changed('changes-since', '2.59', (seconds, wanted) => seconds >= wanted) &&
    changed('changes-before', '2.66', (seconds, wanted) => seconds <= wanted)
  );
}

/** A time as timeutils.parse_isotime takes it, without a zone UTC; null where it cannot be read. */
function isoTime(text: string): number | null {
  const [, date, time = '00:00:00', zone = 'Z'] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(Z|[+-]\d{2}(?::?\d{2})?)?$/i.exec(text) ?? [];
  if (date === undefined) return null;
  const offset = /^[+-]/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}` : 'Z';
  const atMs = Date.parse(`${date}T${time}${offset}`);
  return Number.isNaN(atMs) ? null : atMs;
}

const IN_PROGRESS = new Set(['accepted', 'queued', 'preparing', 'running', 'running (post-copy)', 'post-migrating']);

/** Without those that Nova was asked for and that its own answer shows by now. */
export function notYetNovas(waiting: readonly WaitingMigration[], listed: readonly Listed[]): WaitingMigration[] {
  const known = new Set(
    listed
      .filter(({ status }) => status !== undefined && IN_PROGRESS.has(status))
      .map((entry) => entry.instance_uuid ?? entry.server_uuid),
  );
  return waiting.filter((one) => !(one.asked && known.has(one.vmUuid)));
}

/**
 * One page of the merged list.
 *
 * @param listed Nova's page: what follows the marker, newest first
 * @param full Nova says that more follows
 * @param added what is to be merged in, also only what follows the marker
 * @param limit the caller's, null: none
 *
 * | Nova's page     | added | limit | page        | next link |
 * |-----------------|-------|-------|-------------|-----------|
 * | a9 a7, more     | a8    | 2     | a9 a8       | yes       |
 * | a9              | a8    | 2     | a9 a8       | yes, as Nova gives one for a page that is just full |
 * | a9              | a8    | none  | a9 a8       | no        |
 */
export function pageOf<Entry extends Place>(
  listed: readonly Entry[],
  full: boolean,
  added: readonly Entry[],
  limit: number | null,
): { entries: Entry[]; more: boolean } {
  const merged = [...listed, ...added].sort(compareNewestFirst);
  // A full page tells the limit that counted: Nova's own [api]max_limit may be below the caller's.
  const size = full ? listed.length : (limit ?? Number.POSITIVE_INFINITY);
  const entries = merged.slice(0, size);
  return { entries, more: entries.length > 0 && entries.length === size };
}
