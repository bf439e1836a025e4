import type { Logger } from 'pino';
import type { DroverClient } from '../drover/client.ts';
import type { News } from '../drover/feed.ts';
import { describeError } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { Post } from '../journal/posts.ts';
import { type Ask, isUnderway } from './ask.ts';
import type { Asks } from './asks.ts';

export interface FollowParts {
  asks: Asks;
  drover: DroverClient;
  journal: Journal;
  /** What a notice says in Slack; null: nobody is told. */
  noticePost: (notice: Extract<News, { kind: 'notice' }>['notice']) => Post | null;
  posted: (post: Post) => void;
  progressed: (asks: Ask[]) => void;
  /** The stream is open again. */
  opened: () => void;
  log: Logger;
}

/** Plans change without an event of their own; with many it is less often, as the answer is long. */
const LOOK_EVERY_MS = 5000;
const MANY = 20;
const LOOK_AT_MANY_EVERY_MS = 15_000;
const AT_ONCE = 4;

/** Follows the migrations of all asks to their ends: by the stream of events, and by looking at what is planned. */
export class Follow {
  readonly #parts: FollowParts;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | null = null;
  #lookedAtMs = 0;
  #stopped = false;

  constructor(parts: FollowParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** Takes in what the stream told; its place is written down when all of it is. */
  async take(news: News[]): Promise<void> {
    const { asks, journal, noticePost, posted, progressed, opened } = this.#parts;
    const changed = new Set<number>();
    const posts: Post[] = [];
    let place: string | null = null;
    for (const one of news) {
      if (one.kind === 'progress') progressed(asks.progressed(one.reports));
      else place = one.place;
      if (one.kind === 'migration' && asks.ofMigration(one.event.migrationId)) changed.add(one.event.migrationId);
      if (one.kind === 'notice') posts.push(...([noticePost(one.notice)].filter(Boolean) as Post[]));
      if (one.kind === 'begins') {
        opened();
        this.look();
      }
    }
    const ids = [...changed];
    while (ids.length > 0) await Promise.all(ids.splice(0, AT_ONCE).map((id) => this.#read(id)));
    if (place === null) return;
    await journal.setPlace(place, posts);
    for (const post of posts) posted(post);
  }

  /** Looks at all that is underway: what the stream did not tell, and when things are planned to end. */
  look(): void {
    const { asks, log } = this.#parts;
    if (this.#stopped || this.#looking) return;
    const underway = asks.running().filter(({ vms }) => vms.some(isUnderway));
    if (underway.length === 0) return;
    if (underway.length > MANY && Date.now() - this.#lookedAtMs < LOOK_AT_MANY_EVERY_MS) return;
    this.#lookedAtMs = Date.now();
    this.#looking = this.#lookAt(underway)
      .catch((error: unknown) => {
        log.debug({ error: describeError(error) }, 'what is underway cannot be looked at');
      })
      .finally(() => {
        this.#looking = null;
      });
  }

  async #lookAt(underway: Ask[]): Promise<void> {
    const { asks, drover, progressed } = this.#parts;
    const unfinished = new Map((await drover.unfinished()).map((migration) => [migration.id, migration]));
    const changed: Ask[] = [];
    for (const { id, vms } of underway) {
      for (const { migration } of vms.filter(isUnderway)) {
        if (!migration || this.#stopped) continue;
        const newest = unfinished.get(migration.id);
        if (newest) {
          if (newest.state !== migration.state) await this.#read(migration.id);
          else {
            const result = await asks.happen(id, { kind: 'news', migration: newest });
            if (result?.changed) changed.push(result.ask);
          }
        } else await this.#read(migration.id);
      }
    }
    progressed(changed);
  }

  async #read(id: number): Promise<void> {
    const { asks, drover, log } = this.#parts;
    const ask = asks.ofMigration(id);
    if (!ask) return;
    const found = await drover.migration(id);
    // Its number may mean another one in another database.
    if (!found || found.asked?.group !== ask.id) {
      log.error({ ask: ask.id, migration: id }, 'the control API does not know a migration any more');
      const known = ask.vms.find(({ migration }) => migration?.id === id)?.migration;
      if (!known) return;
      const reason = { code: 'forgotten', text: 'Drover does not know it any more: was its database replaced?' };
      const migration = { ...known, state: 'failed' as const, stateReason: reason, endedAtMs: Date.now() };
      await asks.happen(ask.id, { kind: 'news', migration });
      return;
    }
    const { events, ...migration } = found;
    await asks.happen(ask.id, { kind: 'news', migration, events });
  }
}
