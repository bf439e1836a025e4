import { type ColumnDataType, type CreateTableBuilder, type Expression, type Kysely, sql } from 'kysely';
import type { DatabaseKind } from './address.ts';
import type { Schema } from './tables.ts';

/** The types of columns in one kind of database. */
export interface ColumnTypes {
  /** Up to 2^53. */
  integer: ColumnDataType;
  /** A name or word that can be indexed. */
  word: ColumnDataType;
  /** Text of any length. */
  text: ColumnDataType | Expression<unknown>;
}

const COLUMN_TYPES: Record<DatabaseKind, ColumnTypes> = {
  sqlite: { integer: 'integer', word: 'text', text: 'text' },
  mariadb: { integer: 'bigint', word: 'varchar(255)', text: sql`longtext` },
};

export interface Upgrade {
  db: Kysely<Schema>;
  kind: DatabaseKind;
  types: ColumnTypes;
  /** Begins a table; nothing happens where it is there already. */
  createTable(name: keyof Schema): CreateTableBuilder<string, never>;
}

export function upgradeOf(db: Kysely<Schema>, kind: DatabaseKind): Upgrade {
  return { db, kind, types: COLUMN_TYPES[kind], createTable: tableMaker(db, kind) };
}

/** Names of servers may hold any letter, and are compared by the byte as SQLite does. */
function tableMaker(db: Kysely<Schema>, kind: DatabaseKind): Upgrade['createTable'] {
  return (name) => {
    const table = db.schema.createTable(name).ifNotExists();
    return kind === 'sqlite' ? table : table.modifyEnd(sql`ENGINE=InnoDB CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  };
}

/** `ADD COLUMN IF NOT EXISTS`, which SQLite neither knows nor needs. */
export function whereMissing<C extends { ifNotExists(): C }>(column: C, kind: DatabaseKind): C {
  return kind === 'mariadb' ? column.ifNotExists() : column;
}
