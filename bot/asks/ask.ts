/**
 * What somebody asked for in Slack, from the words to the last migration's end. These shapes are kept in the journal as
 * JSON, so a change of one must read what an older bot wrote.
 */
import { MigrationRecord, Priority, type ProgressReport, ServerView } from 'drover-plugin/contract';
import { z } from 'zod';
import type { Request } from '../command/command.ts';
import type { Slip } from '../command/slip.ts';

/**
 * | state             | it waits for                                                                     | then                |
 * |-------------------|----------------------------------------------------------------------------------|---------------------|
 * | received          | the control API: which servers are meant, what would they cost                   | any of the next     |
 * | choosing          | a click: a name means several servers                                             | received            |
 * | awaiting-approval | a click of a second person                                                       | submitting          |
 * | submitting        | the control API: some server is neither accepted nor refused yet                 | following, ended    |
 * | following         | the migrations' ends                                                             | ended               |
 * | ended             | nothing: every server was refused or its migration has ended                     |                     |
 * | withdrawn         | nothing: cancelled or turned down before a migration was asked for               |                     |
 * | expired           | nothing: no choice, no approval or no control API in time, no migration was asked for |                |
 * | refused           | nothing: no such server, or no right to it; a click on a nearest name asks again | received            |
 */
export const AskState = z.enum([
  'received',
  'choosing',
  'awaiting-approval',
  'submitting',
  'following',
  'ended',
  'withdrawn',
  'expired',
  'refused',
]);
export type AskState = z.infer<typeof AskState>;

/** A name that several servers have; one of them must be chosen. */
export const Choice = z.object({ pattern: z.string(), servers: z.array(ServerView) });
export type Choice = z.infer<typeof Choice>;

/** A second person's word. */
export const Approval = z.object({
  /** Why it takes one: what the workload would lose, and the limit. */
  reason: z.string(),
  /** Who may give it, for people; absent in what older bots wrote. */
  who: z.string().optional(),
  /** Ids of users and groups who are notified of it; absent: nobody is. */
  mentions: z.array(z.string()).optional(),
  /** What would have happened if it had begun when it was asked for; absent in what older bots wrote. */
  outlook: z.array(z.string()).optional(),
  expiresAtMs: z.number(),
  /** Slack user who decided; null: nobody yet. */
  by: z.string().nullable(),
  atMs: z.number().nullable(),
  verdict: z.enum(['approved', 'turned-down']).nullable(),
});
export type Approval = z.infer<typeof Approval>;

/** A coded answer of the control API, or of the bot itself. */
export const Refusal = z.object({ code: z.string(), text: z.string() });
export type Refusal = z.infer<typeof Refusal>;

/** Something that somebody clicked for one server, and what became of it. */
export const Order = z.object({
  by: z.string(),
  atMs: z.number(),
  /** Null: the control API has not answered yet. */
  outcome: z.union([z.literal('done'), Refusal]).nullable(),
});
export type Order = z.infer<typeof Order>;

export const AskedVm = z.object({
  /** Nova's id. */
  id: z.string(),
  name: z.string(),
  projectId: z.string(),
  /** Where it was when it was asked for. */
  host: z.string().nullable(),
  /**
   * `asked`: the control API was or is being asked, and its answer is not known. Shown as `pending` is; but only what is
   * `pending` can be withdrawn without asking there.
   */
  submission: z.enum(['pending', 'asked', 'accepted', 'refused']),
  refusal: Refusal.nullable(),
  /** The newest that is known. */
  migration: MigrationRecord.nullable(),
  cancel: Order.nullable(),
  raise: Order.extend({ to: Priority }).nullable(),
  /** The last of its migration's events that the thread has. */
  toldEvent: z.number().default(0),
});

/** One server of an ask. */
export type AskedVm = z.infer<typeof AskedVm> & {
  /** While it runs, newer than the record's; never kept on disk. */
  progress: ProgressReport | null;
};

export interface Ask {
  /** Random; `group` in the control API. */
  id: string;
  kind: 'migrate' | 'drain';
  /** As it was typed, or what the form's fields say in the same words. */
  text: string;
  wish: Request;
  /** Slack user. */
  askedBy: string;
  /** Where it was asked. */
  channel: string;
  askedAtMs: number;
  /** Slack's own address for answers to its asker; absent in what older bots wrote. */
  responseUrl?: string | null;
  state: AskState;
  /** For people: what it waits for, why it was refused, ...; null: the state says it all. */
  stateText: string | null;
  /** The control API is away, and it is tried again until then; null or absent: it is not. */
  waitsUntilMs?: number | null;
  /** What of it is left out, and why: servers that cannot move, or are there already. Absent in what older bots wrote. */
  note?: string | null;
  /** In `choosing`: the names that mean several servers. In `refused`: what may have been meant instead of names that none has. */
  choices: Choice[];
  /** In `refused`: the word that was probably meant for another; absent in what older bots wrote. */
  slip?: Slip | null;
  /** In `refused`: its asker was told so; absent in what older bots wrote. */
  told?: boolean;
  /** Null: it takes none. */
  approval: Approval | null;
  /** In the order of their names; empty until it is known which servers are meant. */
  vms: AskedVm[];
  /** Null: it runs on. */
  endedAtMs: number | null;
  /** Where the message is: `channel`, or the asker's own messages where the bot is not let in. */
  messageChannel: string | null;
  messageTs: string | null;
}

const ENDED: readonly AskState[] = ['ended', 'withdrawn', 'expired', 'refused'];

export function hasEnded({ state }: Pick<Ask, 'state'>): boolean {
  return ENDED.includes(state);
}

/** Its migration waits or runs. */
export function isUnderway({ submission, migration }: AskedVm): boolean {
  return submission === 'accepted' && migration !== null && !isFinal(migration);
}

export function isFinal({ state }: Pick<MigrationRecord, 'state'>): boolean {
  return state === 'completed' || state === 'failed' || state === 'aborted';
}
