/**
 * What the demo's Slack shows, on a terminal: messages that still change stand at the bottom and are drawn anew in place;
 * those that have ended, answers to one person and posts in threads scroll away above. Where the output is no terminal,
 * each message is printed when it appears and when it ends.
 */
import { type Clickable, type Reader, type Shown, shownBlocks } from '../slack/terminal.ts';
import type { Message } from '../slack/workspace.ts';

export interface Click {
  /** Null: it stands in the app's home. */
  message: Message | null;
  clickable: Clickable;
}

const MARGIN = '  ▌ ';

export class Window {
  readonly #messages: readonly Message[];
  readonly #reader: () => Reader;
  readonly #print: (lines: string[]) => void;
  readonly #redraw: ((lines: string[]) => void) | null;
  /** Versions printed, by message. */
  readonly #printed = new Map<Message, number>();
  readonly #ended = new Set<Message>();
  /** A number is never another button's: who types it has read it a moment ago. */
  readonly #clicks: Click[] = [];
  #count = 0;

  /**
   * @param print lines that stay, above what is drawn
   * @param redraw puts these lines in the place of those that it drew before; null: there is no such place
   */
  constructor(
    messages: readonly Message[],
    reader: () => Reader,
    print: (lines: string[]) => void,
    redraw: ((lines: string[]) => void) | null,
  ) {
    this.#messages = messages;
    this.#reader = reader;
    this.#print = print;
    this.#redraw = redraw;
  }

  /** What is there already has been seen. */
  skip(): void {
    for (const message of this.#messages) this.#ended.add(message);
  }

  /** Draws what has changed. */
  look(): void {
    const live: string[] = [];
    for (const message of this.#messages) {
      const version = message.versions.at(-1);
      if (!version || this.#ended.has(message)) continue;
      const shown = shownBlocks(version.blocks, this.#reader(), (actionId, value) =>
        this.#numberOf(message, actionId, value),
      );
      this.#remember(message, shown);
      if (!this.#isLive(message, shown)) {
        this.#ended.add(message);
        this.#print(this.#framed(message, shown));
        continue;
      }
      live.push(...this.#framed(message, shown));
      if (!this.#redraw && !this.#printed.has(message)) this.#print(this.#framed(message, shown));
      this.#printed.set(message, message.versions.length);
    }
    this.#redraw?.(live);
  }

  /** What the number stands for that is shown beside a button; null: nothing. */
  numbered(number: number): Click | null {
    return this.#clicks.find(({ clickable }) => clickable.number === number) ?? null;
  }

  /** The app's home, its buttons numbered with those of the messages. */
  home(blocks: readonly unknown[]): string[] {
    const shown = shownBlocks(blocks, this.#reader(), (actionId, value) => this.#numberOf(null, actionId, value));
    this.#remember(null, shown);
    return shown.lines.map((line) => `  │ ${line}`);
  }

  #numberOf(message: Message | null, actionId: string, value: string | undefined): number {
    const known = this.#clicks.find(
      (each) => each.message === message && each.clickable.actionId === actionId && each.clickable.value === value,
    );
    if (known) return known.clickable.number;
    this.#count += 1;
    return this.#count;
  }

  #remember(message: Message | null, { clickables }: Shown): void {
    for (const clickable of clickables) {
      const isKnown = this.#clicks.some((each) => each.clickable.number === clickable.number);
      if (!isKnown) this.#clicks.push({ message, clickable });
    }
  }

  /** It can still be cancelled, approved or chosen, so it will change. */
  #isLive(message: Message, { clickables }: Shown): boolean {
    if (message.onlyFor !== null || message.threadTs !== null) return false;
    const says = JSON.stringify(message.versions.at(-1)?.blocks ?? []);
    return (
      clickables.some(({ actionId }) => /^(ask\.(cancel|choose|approve)|vm\.)/.test(actionId)) || /🔎|📨/.test(says)
    );
  }

  #framed(message: Message, { lines }: Shown): string[] {
    const { onlyFor, threadTs } = message;
    const note = onlyFor !== null ? ' (only you see this)' : threadTs !== null ? ' (in the thread)' : '';
    return [`${MARGIN}Drover${note}`, ...lines.map((line) => MARGIN + line)];
  }
}
