import type { Kysely } from 'kysely';
import type { Line } from '../asks/lines.ts';
import type { PostTable, Schema } from './tables.ts';

export type Post = PostTable;

/** The messages that are in Slack or shall be there, and the lines that wait for a thread. */
export class Posts {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** Those that are not known to be in Slack. */
  async unposted(): Promise<Post[]> {
    return this.#db.selectFrom('post').selectAll().where('ts', 'is', null).execute();
  }

  /** Boards that still say that something runs. */
  async openBoards(): Promise<Post[]> {
    return this.#db
      .selectFrom('post')
      .selectAll()
      .where('key', 'like', 'board:%')
      .where((where) => where.or([where('shown', 'is', null), where('shown', 'not like', 'final:%')]))
      .execute();
  }

  async get(key: string): Promise<Post | null> {
    return (await this.#db.selectFrom('post').selectAll().where('key', '=', key).executeTakeFirst()) ?? null;
  }

  async keep(post: Post): Promise<void> {
    const { key, ...rest } = post;
    await this.#db
      .insertInto('post')
      .values(post)
      .onConflict((on) => on.column('key').doUpdateSet(rest))
      .execute();
  }

  /** Asks about which there are lines that stand in no post. */
  async withLines(): Promise<string[]> {
    const rows = await this.#db.selectFrom('happening').select('ask_id').distinct().where('told', '=', 0).execute();
    return rows.map((row) => row.ask_id);
  }

  /**
   * Makes one post of the lines of an ask that stand in none, at most `most` of them; null: there is none. `write` makes
   * the content.
   */
  async takeLines(
    askId: string,
    at: { channel: string; ts: string },
    most: number,
    write: (lines: (Line & { atMs: number })[]) => unknown,
  ): Promise<Post | null> {
    return this.#db.transaction().execute(async (db) => {
      const rows = await db
        .selectFrom('happening')
        .selectAll()
        .where('ask_id', '=', askId)
        .where('told', '=', 0)
        .orderBy('id')
        .limit(most)
        .execute();
      const [first] = rows;
      if (!first) return null;
      const ids = rows.map(({ id }) => id);
      await db.updateTable('happening').set({ told: 1 }).where('id', 'in', ids).execute();
      const posted = JSON.stringify(
        write(rows.map(({ at_ms: atMs, content }) => ({ ...(JSON.parse(content) as Line), atMs }))),
      );
      const post: Post = {
        key: `thread:${askId}:${first.id}`,
        channel: at.channel,
        thread_ts: at.ts,
        ts: null,
        posting_since_ms: null,
        content: posted,
        shown: null,
      };
      await db.insertInto('post').values(post).execute();
      return post;
    });
  }
}
