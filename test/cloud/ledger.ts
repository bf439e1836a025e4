/** What a Nova double was asked for, and what became of it: what a test judges by. */

/** A live migration that Nova took. */
export interface Taken {
  vmUuid: string;
  /** With whose token. */
  by: 'caller' | 'service';
  /** The request header `X-Client-Tag`, which names one request of one client; null: it had none. */
  tag: string | null;
  requestId: string;
  takenAtMs: number;
  /** Null until Nova has a record of it. */
  migrationId: number | null;
  /** Nova's final status, null while it runs. */
  end: 'completed' | 'failed' | 'error' | 'cancelled' | null;
  endedAtMs: number | null;
}

/** A live migration that was asked for while another of the same server ran: Nova answered 409. */
export interface Overlap {
  vmUuid: string;
  by: 'caller' | 'service';
  tag: string | null;
  atMs: number;
}

export interface Ledger {
  taken: Taken[];
  overlaps: Overlap[];
  /** Live migrations that were lost or refused by a fault before Nova took them. */
  turnedAway: number;
  /** Faults that were put into answers of Keystone and Nova. */
  faults: number;
}

/** Moments at which a test may want to do something, such as killing whoever asked. */
export type Moment =
  | 'token-asked'
  | 'server-shown'
  | 'services-shown'
  | 'migrate-asked'
  | 'migrate-taken'
  | 'migrate-answered'
  | 'force-asked'
  | 'force-taken'
  | 'migrations-shown'
  | 'actions-shown'
  | 'recorded'
  | 'running'
  | 'ended'
  | 'lease-asked'
  | 'lease-put'
  | 'lease-delete-asked'
  | 'lease-deleted';
