/**
 * Names of waiting migrations in Nova's own API. Nova's `migrations.id` is a signed 32-bit column that counts up from 1,
 * and its uuids are of version 4; neither ever has one of these.
 */

/** Below 2^31 - 1, so that PostgreSQL takes it in a query, and readable: 2000000042 is Drover's 42. */
const FIRST_ID = 2_000_000_000;
const LAST_ID = 2 ** 31 - 1;

/** Nova's id of Drover's migration `id`; null beyond 147,483,647: such a one is not shown. */
export function overlayId(id: number): number | null {
  return FIRST_ID + id <= LAST_ID ? FIRST_ID + id : null;
}

/** Drover's id in an id of the API; null for one of Nova's own and for what is no id. */
export function recordId(apiId: string): number | null {
  if (!/^2\d{9}$/.test(apiId)) return null;
  const id = Number(apiId) - FIRST_ID;
  return id > 0 && Number(apiId) <= LAST_ID ? id : null;
}

/** What a uuid of a waiting migration tells. */
export interface OverlayUuid {
  id: number;
  createdAtMs: number;
}

const UUID = /^([0-9a-f]{8})-([0-9a-f]{4})-8d20-80fe-([0-9a-f]{12})$/i;

/**
 * A uuid of version 8 (RFC 9562 section 5.8) that says itself where its migration stands in Nova's order, so that it can
 * be the marker of a page after the migration has left the queue.
 *
 * | bits   | are                                   |
 * |--------|---------------------------------------|
 * | 0-47   | when it was asked for, Unix time in ms |
 * | 48-79  | `8d20-80fe`                           |
 * | 80-127 | Drover's id                           |
 */
export function overlayUuid({ id, createdAtMs }: OverlayUuid): string {
  const time = hex(createdAtMs);
  return `${time.slice(0, 8)}-${time.slice(8)}-8d20-80fe-${hex(id)}`;
}

/** Null for every other uuid. */
export function readOverlayUuid(uuid: string): OverlayUuid | null {
  const [, high, low, id] = UUID.exec(uuid) ?? [];
  if (high === undefined || low === undefined || id === undefined) return null;
  return { id: Number.parseInt(id, 16), createdAtMs: Number.parseInt(high + low, 16) };
}

function hex(value: number): string {
  return value.toString(16).padStart(12, '0');
}
