import type { Post } from '../journal/posts.ts';
import type { Content, Rendered } from './content.ts';
import type { Form } from './shorten.ts';

/** The lower goes first. */
export const URGENCY = { board: 0, change: 1, thread: 2, progress: 3 } as const;
export type Urgency = (typeof URGENCY)[keyof typeof URGENCY];

/** A message that changes. */
export interface Show {
  /** Of its row in the journal. */
  key: string;
  channel: string;
  /** Who is written to where the bot is not let into the channel; null: nobody. */
  elsewhere: string | null;
  /** As it is when its turn comes; null: it is not needed any more. */
  render: () => Rendered | null;
  urgency: Urgency;
}

/** Lines of a thread, which are taken when their turn comes, all that there are by then. */
export interface Turn {
  key: string;
  channel: string;
  take: () => Promise<Post | null>;
}

/** Something that waits for its turn. */
export interface Entry {
  key: string;
  channel: string;
  show: Show | null;
  turn: Turn | null;
  /** Null: not read yet. */
  post: Post | null;
  urgency: Urgency;
  sinceMs: number;
  notBeforeMs: number;
  failures: number;
  /** In which it is tried next; null: none was refused. */
  form: Form | null;
  inFlight: boolean;
  /** Its call is counted already. */
  isPaid: boolean;
}

export function newEntry(
  { key, channel }: { key: string; channel: string },
  urgency: Urgency,
  given: Partial<Entry>,
): Entry {
  return {
    key,
    channel,
    show: null,
    turn: null,
    post: null,
    urgency,
    sinceMs: Date.now(),
    notBeforeMs: 0,
    failures: 0,
    form: null,
    inFlight: false,
    isPaid: false,
    ...given,
  };
}

export function keptOf(entry: Entry): (post: Post) => void {
  return (post) => {
    entry.post = post;
    entry.channel = post.channel;
  };
}

/** The call that it needs next. Null: only reading the journal. */
export function methodOf({ post, turn }: Entry): string | null {
  if (turn) return 'chat.postMessage';
  if (post === null) return null;
  return post.ts === null ? 'chat.postMessage' : 'chat.update';
}

/** What is posted once and not changed; null: it is rendered from what it is about. */
export function stored({ content }: Post): Rendered | null {
  return content === null ? null : { content: JSON.parse(content) as Content, isFinal: true };
}

export function emptyPost(key: string, channel: string): Post {
  return { key, channel, thread_ts: null, ts: null, posting_since_ms: null, content: null, shown: null };
}
