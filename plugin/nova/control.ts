import type { UpstreamAnswer } from '../proxy/live-migrate.ts';
import type { NovaPhase } from './phase.ts';

/** Who calls, as Keystone says. */
export interface Caller {
  userId: string;
  roles: string[];
}

/** A server as Nova shows it to an administrator. */
export interface ServerDetails {
  name: string;
  projectId: string;
  flavorName: string;
  memoryBytes: number;
  metadata: Record<string, string>;
  /** Null: booted from a volume. */
  imageId: string | null;
  availabilityZone: string | null;
  status: string;
  taskState: string | null;
  locked: boolean;
  host: string | null;
  /** Nova's name of the hypervisor there. */
  node?: string | null;
}

/** What Nova says of one live migration. */
export interface NovaMigration {
  id: number;
  uuid: string | null;
  phase: NovaPhase;
  status: string;
  destination: string | null;
}

/** What is kept of a caller's request so that it can be made again later, with the service's own token. */
export interface KeptRequest {
  host: string | null;
  blockMigration: boolean | 'auto';
  diskOverCommit: boolean | null;
  force: boolean | null;
  /** Compute API microversion that Nova would answer the caller in, e.g. `2.93`. */
  microversion: string;
  /** `req-UUID` that the 202 of a deferred one carries; absent in records of before it was kept. */
  requestId?: string;
  /**
   * The newest live migration of the server that Nova had when the request came, or, of one that has waited, when its
   * turn had come; 0 for none: what Nova makes of the request has a higher id. Absent in records of before it was kept.
   */
  newestBefore?: number;
  /**
   * A host that Drover had chosen and Nova did not take, and the migration of Nova's that ended so, null: nova-api itself
   * refused. Drover chooses none again.
   */
  refused?: { host: string; novaMigrationId: number | null };
}

/** The right to ask Nova for something, which may be lost while the request is on its way. */
export interface Right {
  stands(): boolean;
  /** Aborted once it does not. */
  signal: AbortSignal;
}

/** How Nova took a request: its HTTP status, or that it was never reached, or that nobody knows. */
export type Submission = { status: number; text: string } | 'not-reached' | 'unknown';

/** What admission asks of Keystone and Nova. Every call may throw; the request then goes to Nova unchanged. */
export interface AdmissionCalls {
  /** Null: the token is not valid. */
  caller(token: string): Promise<Caller | null>;
  /**
   * With the caller's own token and microversion: the version that Nova answers in, null if the caller sees no such
   * server.
   */
  visible(token: string, serverId: string, microversion: string): Promise<{ microversion: string } | null>;
  /** With the service's token. */
  server(serverId: string): Promise<ServerDetails | null>;
  /** Names of the compute hosts whose nova-compute is enabled and up. */
  computeHosts(): Promise<string[]>;
  /** The highest id of the server's live migrations so far, 0 if there is none. */
  newestMigration(serverId: string): Promise<number>;
}

/** What tells a migration that Nova was asked for from others of the same server. */
export interface WantedMigration {
  vmUuid: string;
  /** When Nova was asked, or shortly before. */
  sinceMs: number;
  /** Nova's id of it, null as long as that is not known. */
  id: number | null;
  /** Its id is above this one. */
  newestBefore: number;
  /** Who asked Nova; null: Drover's own account. */
  userId: string | null;
}

/**
 * What Nova shows of a migration that it may have been asked for.
 *
 * | seen                                                                     | is           |
 * |--------------------------------------------------------------------------|--------------|
 * | its record                                                               | `ours`       |
 * | the server is migrating, by a record that is not this one's              | `others`     |
 * | the server is migrating, and there is no record (yet): anybody's         | `unrecorded` |
 * | none of these                                                            | `none`       |
 */
export type SeenOfIt = 'ours' | 'others' | 'unrecorded' | 'none';

/** The calls that driving a migration makes, with the service's token. */
export interface DriveCalls {
  /** Nova's record of this migration; null if there is none. */
  find(wanted: WantedMigration): Promise<NovaMigration | null>;
  /** The HTTP status of Nova's answer: 202 taken, 400 not (yet, or any more) in a state to switch. */
  forceComplete(vmUuid: string, novaMigrationId: number): Promise<number>;
}

/** All that the controller asks of Keystone and Nova. */
export interface NovaCalls extends AdmissionCalls, DriveCalls {
  /**
   * Whether Nova would take this live migration from the holder of this token now. It is asked with that token and
   * nothing else, and nothing is changed (nova/would-take.ts).
   */
  wouldTake(token: string, vmUuid: string, request: KeptRequest): Promise<boolean>;
  /** All servers with this id or this name, with the service's token. */
  serversNamed(nameOrId: string): Promise<(ServerDetails & { id: string })[]>;
  /** All servers, or those on a host. */
  servers(host: string | null): Promise<(ServerDetails & { id: string })[]>;
  /** Asks Nova to abort a migration: the HTTP status of its answer and its words. */
  abort(vmUuid: string, novaMigrationId: number): Promise<{ status: number; text: string }>;
  /** The server with this id or this name, with the service's token; null if there is none, or several of the name. */
  findServer(nameOrId: string): Promise<(ServerDetails & { id: string }) | null>;
  /**
   * Makes a kept request with the service's own token; `unknown` where the right to it was lost before there was an
   * answer. Never throws.
   */
  submit(vmUuid: string, request: KeptRequest, right?: Right): Promise<Submission>;
  /** Makes the caller's own request. Never throws. */
  forwarded(forward: () => Promise<UpstreamAnswer>): Promise<{ submission: Submission; answer: UpstreamAnswer | null }>;
  /** Whether Nova has taken this migration. */
  seen(wanted: WantedMigration): Promise<SeenOfIt>;
  /** Nova's request id of the newest live migration of this VM that it took since then; null: it shows none. */
  requestIdOf(vmUuid: string, sinceMs: number): Promise<string | null>;
}
