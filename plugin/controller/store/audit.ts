import type { Kysely } from 'kysely';
import { AuditEntry } from '../../contract.ts';
import type { Schema } from './tables.ts';

export async function addAudit(db: Kysely<Schema>, entry: Omit<AuditEntry, 'id'>): Promise<void> {
  const { atMs, requestId, details, ...rest } = entry;
  await db
    .insertInto('audit')
    .values({ ...rest, at_ms: atMs, request_id: requestId, details: JSON.stringify(details) })
    .execute();
}

/** At most `limit` entries with an id below `before` (null: from the newest on), newest first. */
export async function readAudit(db: Kysely<Schema>, before: number | null, limit: number): Promise<AuditEntry[]> {
  const rows = await db
    .selectFrom('audit')
    .selectAll()
    .where('id', '<', before ?? Number.MAX_SAFE_INTEGER)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ at_ms, request_id, details, ...rest }) =>
    AuditEntry.parse({ ...rest, atMs: at_ms, requestId: request_id, details: JSON.parse(details) }),
  );
}
