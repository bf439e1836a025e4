import type { UpstreamAnswer } from '../live-migrate.ts';
import type { MigrationsTarget } from './target.ts';
import type { WaitingMigration } from './views.ts';

/** Who keeps the migrations that wait. */
export interface MigrationsSource {
  /** Those that Nova's users are to see, of one server or of all. */
  waiting(serverId: string | null): Promise<WaitingMigration[]>;
  /** Those that ended lately before Nova had them, for the list of all. */
  ended(): Promise<WaitingMigration[]>;
  /** Servers that are to be seen as migrating, by id in lower case: those of `waiting`. Asked at every request for servers. */
  migrating(): ReadonlySet<string>;
  /** Nova's id of a migration that waited once; null: Nova never had it, or it is not this server's. */
  novaId(record: number, serverId: string): Promise<number | null>;
  /**
   * False where Nova would refuse this to the holder of this token for the server's own sake: it is locked, or is not
   * ACTIVE and its migration is to be forced.
   */
  stateAllows(kind: 'abort' | 'force', token: string | null, serverId: string): Promise<boolean>;
  /** Ends one that waits; false: it does not wait any more. */
  abort(record: number, token: string | null): Promise<boolean>;
}

/** A request as it came. */
export interface ServedRequest {
  /** As the client wrote it. */
  path: string;
  rawHeaders: readonly string[];
  body: Buffer | null;
  token: string | null;
}

/** A request for migrations. */
export interface MigrationsRequest extends ServedRequest {
  target: MigrationsTarget;
}

/** Asks Nova what the caller asked, with the caller's own token; only what is named here is changed. */
export type Ask = (change?: { method?: 'GET'; path?: string; microversion?: string }) => Promise<UpstreamAnswer>;

/** `pass`: the request streams to Nova, and Nova's answer back; with `path`, under that one. */
export type MigrationsVerdict = { kind: 'pass'; path: string | null } | { kind: 'answer'; answer: UpstreamAnswer };
