import type { Post } from '../journal/posts.ts';
import type { SlackApi } from './slack.ts';

/** What goes with each message, so that the bot finds it again (docs.slack.dev, message metadata). */
export const METADATA = 'drover_message';

const PAGE = 200;
const MOST_PAGES = 20;
/** Slack's clock and this one may differ. */
const CLOCKS_MS = 60_000;

interface Found {
  ts?: string;
  metadata?: { event_type?: string; event_payload?: { key?: string } };
}

/**
 * Whether Slack has a message whose posting was interrupted: Slack documents no idempotency key for it
 * (slackapi/slack-api-specs#10), but gives back the metadata of the messages in a channel. Null: it has none.
 *
 * @throws SlackError
 */
export async function findPosted(slack: SlackApi, post: Post): Promise<string | null> {
  const method = post.thread_ts === null ? 'conversations.history' : 'conversations.replies';
  const oldest = String(Math.max(0, (post.posting_since_ms ?? 0) - CLOCKS_MS) / 1000);
  let cursor = '';
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await slack.call(method, {
      channel: post.channel,
      ...(post.thread_ts === null ? {} : { ts: post.thread_ts }),
      include_all_metadata: true,
      oldest,
      limit: PAGE,
      ...(cursor === '' ? {} : { cursor }),
    });
    const found = (answer.messages as Found[] | undefined)?.find(
      ({ metadata }) => metadata?.event_type === METADATA && metadata.event_payload?.key === post.key,
    );
    if (found?.ts) return found.ts;
    cursor = (answer.response_metadata as { next_cursor?: string } | undefined)?.next_cursor ?? '';
    if (cursor === '') return null;
  }
  return null;
}
