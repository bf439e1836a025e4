import { type Outbox, URGENCY, type Urgency } from '../channel/outbox.ts';
import type { Journal } from '../journal/journal.ts';
import { askMessage } from '../views/ask.ts';
import { boardMessage } from '../views/board.ts';
import { threadMessage } from '../views/thread.ts';
import { type Ask, hasEnded, isUnderway } from './ask.ts';
import type { Asks } from './asks.ts';

/**
 * So many messages can be changed every 10 s within Slack's 50 changes a minute: 6 x 6 = 36, and 14 are left for changes
 * of state. With more that run, progress is shown on one board in each channel, which takes 15 a minute, and each message
 * says only when its ask changes its state.
 */
const MOST_WITH_PROGRESS = 6;
const BOARD_EVERY_MS = 4000;
const LINES_IN_A_POST = 40;

/** Shows each ask in its message, what happened in the thread below it, and boards where many run at once. */
export class Display {
  readonly #asks: Asks;
  readonly #outbox: Outbox;
  readonly #journal: Journal;
  /** Boards by channel, by their keys. */
  readonly #boards = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(asks: Asks, outbox: Outbox, journal: Journal) {
    this.#asks = asks;
    this.#outbox = outbox;
    this.#journal = journal;
  }

  async start(): Promise<void> {
    for (const { key, channel } of await this.#journal.posts.openBoards()) this.#boards.set(channel, key);
    for (const id of await this.#journal.posts.withLines()) this.#thread(this.#asks.get(id));
    this.#timer = setInterval(() => this.#showBoards(), BOARD_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  changed(ask: Ask): void {
    if (isQuiet(ask)) return;
    this.#show(ask, URGENCY.change);
    this.#thread(ask);
  }

  /** It has got on, or is planned otherwise. */
  progressed(asks: readonly Ask[]): void {
    if (this.#underway().length > MOST_WITH_PROGRESS) return;
    for (const ask of asks) if (!isQuiet(ask)) this.#show(ask, URGENCY.progress);
  }

  async posted(key: string, channel: string, ts: string): Promise<void> {
    const [kind, id = ''] = key.split(':');
    if (kind !== 'ask') return;
    await this.#asks.happen(id, { kind: 'posted', channel, ts });
    this.#thread(this.#asks.get(id));
  }

  #show({ id, channel, askedBy }: Ask, urgency: Urgency): void {
    const render = () => {
      const ask = this.#asks.get(id);
      return ask ? { content: askMessage(ask, Date.now()), isFinal: hasEnded(ask) } : null;
    };
    this.#outbox.show({ key: `ask:${id}`, channel, elsewhere: askedBy, render, urgency });
  }

  #thread(ask: Ask | null): void {
    if (!ask?.messageTs || !ask.messageChannel) return;
    const { id, messageChannel: channel, messageTs: ts } = ask;
    const take = async () => {
      const post = await this.#journal.posts.takeLines(id, { channel, ts }, LINES_IN_A_POST, threadMessage);
      // There may be more than one post holds.
      if (post) setImmediate(() => this.#thread(ask));
      return post;
    };
    this.#outbox.turn({ key: `thread:${id}`, channel, take });
  }

  #underway(): Ask[] {
    return this.#asks.running().filter(({ vms }) => vms.some(isUnderway));
  }

  #showBoards(): void {
    const underway = this.#underway();
    const byChannel = Map.groupBy(underway, ({ messageChannel, channel }) => messageChannel ?? channel);
    if (underway.length > MOST_WITH_PROGRESS) {
      for (const [channel, asks] of byChannel) {
        const [first] = asks;
        // One alone is shown by its own message.
        if (first && asks.length > 1 && !this.#boards.has(channel))
          this.#boards.set(channel, `board:${channel}:${first.id}`);
      }
    }
    for (const [channel, key] of this.#boards) {
      const isOver = !byChannel.has(channel);
      const render = () => ({ content: boardMessage(this.#ofBoard(channel), Date.now()), isFinal: isOver });
      this.#outbox.show({ key, channel, elsewhere: null, render, urgency: URGENCY.board });
      if (isOver) this.#boards.delete(channel);
    }
  }

  /** What runs in a channel, and what has just ended there. */
  #ofBoard(channel: string): Ask[] {
    return this.#asks.all().filter((ask) => (ask.messageChannel ?? ask.channel) === channel && ask.vms.length > 0);
  }
}

/** Nothing in the channel as long as only its asker is concerned: not found yet, or refused at once. */
function isQuiet({ state, stateText, messageTs }: Ask): boolean {
  if (messageTs !== null) return false;
  return state === 'refused' || (state === 'received' && stateText === null);
}
