import type { Priority } from 'drover-plugin/contract';

/** A server as somebody wrote it: a name, a UUID or a glob. */
export interface Target {
  pattern: string;
  isGlob: boolean;
}

/** What is asked of each server that moves. */
export interface Wish {
  /** Null: the policy decides. */
  priority: Priority | null;
  /** Null: Nova's scheduler chooses. */
  destination: string | null;
  /** Unix time, ms: must have ended. */
  deadlineAtMs: number | null;
  /** Unix time, ms: not before. */
  startAtMs: number | null;
}

export type Request = Wish & ({ kind: 'migrate'; targets: Target[] } | { kind: 'drain'; host: string });

export type Command =
  | Request
  /** What would happen if this were asked for now. */
  | { kind: 'plan'; request: Request }
  /** Null: what the writer asked for; `all`: everything. */
  | { kind: 'status'; target: string | 'all' | null }
  | { kind: 'explain'; target: string }
  | { kind: 'cancel'; target: string }
  | { kind: 'policy' }
  | { kind: 'help' };
