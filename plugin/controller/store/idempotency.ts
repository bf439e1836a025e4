import type { Kysely, Selectable } from 'kysely';
import { DroverError } from '../../errors.ts';
import type { MigrationTable, Schema } from './tables.ts';

export interface IdempotencyKey {
  /** Whose key it is: two clients may use the same one. */
  client: string;
  key: string;
  /** SHA-256 of what is asked, in hex. */
  digest: string;
}

/**
 * The migration that a key stands for, null if the key is new.
 *
 * @throws DroverError `idempotency-key-reused` if something else was asked with it.
 */
export async function keptFor(
  db: Kysely<Schema>,
  { client, key, digest }: IdempotencyKey,
): Promise<Selectable<MigrationTable> | null> {
  const kept = await db
    .selectFrom('idempotency')
    .select(['digest', 'migration_id'])
    .where('client', '=', client)
    .where('key', '=', key)
    .executeTakeFirst();
  if (!kept) return null;
  if (kept.digest !== digest) {
    const text = `the idempotency key ${JSON.stringify(key)} stands for migration ${kept.migration_id}, which was asked for in other words: take a new key`;
    throw new DroverError('idempotency-key-reused', text);
  }
  return db.selectFrom('migration').selectAll().where('id', '=', kept.migration_id).executeTakeFirstOrThrow();
}

export async function keep(
  db: Kysely<Schema>,
  { client, key, digest }: IdempotencyKey,
  migrationId: number,
): Promise<void> {
  await db.insertInto('idempotency').values({ client, key, digest, migration_id: migrationId }).execute();
}
