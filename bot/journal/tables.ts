import type { Generated } from 'kysely';

/** Everything that Slack brought, once each: what brings it again finds it here. */
export interface DeliveryTable {
  identity: string;
  kind: string;
  /** JSON. */
  content: string;
  at_ms: number;
  /** 1: nothing is left to do for it. */
  done: number;
}

/** Signatures of requests that were taken: the same bytes are not taken again. */
export interface SignatureTable {
  signature: string;
  at_ms: number;
}

export interface AskTable {
  id: string;
  state: string;
  asked_by: string;
  asked_at_ms: number;
  ended_at_ms: number | null;
  /** JSON of the Ask without its servers. */
  content: string;
}

export interface AskedVmTable {
  ask_id: string;
  vm_id: string;
  /** Its place in the ask. */
  position: number;
  migration_id: number | null;
  /** JSON of the AskedVm. */
  content: string;
}

/** What happened to an ask, for the thread below its message. */
export interface HappeningTable {
  id: Generated<number>;
  ask_id: string;
  at_ms: number;
  /** JSON of a Line. */
  content: string;
  /** 1: it stands in a post that is written down. */
  told: number;
}

/** A message that is in Slack or shall be there. */
export interface PostTable {
  /** `ask:ID`, `thread:ID:N`, `notice:N`, `board:CHANNEL`. Goes with the message as its metadata. */
  key: string;
  /** Where it is, or shall be. */
  channel: string;
  /** The message below which it stands. */
  thread_ts: string | null;
  ts: string | null;
  /** Since then Slack may have it, though its `ts` is not known. */
  posting_since_ms: number | null;
  /** JSON of what is posted once and not changed; null: it is rendered from what it is about. */
  content: string | null;
  /** Digest of what it shows, `final:` before it where nothing more will come; null: not known. */
  shown: string | null;
}

/** One row. */
export interface PlaceTable {
  id: number;
  /** In the control API's stream of events: what is before it has been taken in. */
  place: string;
}

export interface AuditTable {
  id: Generated<number>;
  at_ms: number;
  who: string;
  action: string;
  target: string | null;
  decision: string;
  /** JSON. */
  details: string;
}

export interface Schema {
  delivery: DeliveryTable;
  signature: SignatureTable;
  ask: AskTable;
  asked_vm: AskedVmTable;
  happening: HappeningTable;
  post: PostTable;
  place: PlaceTable;
  audit: AuditTable;
}
