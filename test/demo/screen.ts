/** A terminal with lines that are drawn anew above a prompt. */
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';

const PROMPT = '> ';
/** Two cells wide on a terminal (UAX 11, wide and emoji). */
const WIDE = /\p{Emoji_Presentation}|[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60]/u;

/** Cells that a line takes. */
export function widthOf(line: string): number {
  const letters = new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(stripVTControlCharacters(line));
  return [...letters].reduce((sum, { segment }) => sum + (WIDE.test(segment) ? 2 : 1), 0);
}

export class Screen {
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream;
  readonly #lines: Interface;
  #drawn: string[] = [];

  constructor(input: NodeJS.ReadStream, output: NodeJS.WriteStream, typed: (line: string) => void, closed: () => void) {
    this.#input = input;
    this.#output = output;
    this.#lines = createInterface({ input, output, prompt: PROMPT });
    this.#lines.on('line', (line) => {
      // The terminal has moved on by a line: what is drawn stays above as it is.
      this.#drawn = [];
      typed(line);
    });
    this.#lines.on('close', closed);
    this.#lines.prompt();
  }

  close(): void {
    this.#lines.close();
    this.#input.pause();
  }

  /** Lines that stay. */
  print(lines: readonly string[]): void {
    this.#replace(lines, this.#drawn);
  }

  /** In the place of what was drawn last. */
  redraw(lines: readonly string[]): void {
    const fitting = this.#fitting(lines);
    if (fitting.join('\n') !== this.#drawn.join('\n')) this.#replace([], fitting);
  }

  /** The last of them that the terminal has room for: what has scrolled away cannot be drawn anew. */
  #fitting(lines: readonly string[]): string[] {
    let left = (this.#output.rows || 24) - 3;
    const shown: string[] = [];
    for (const line of lines.toReversed()) {
      left -= this.#rowsOf(line);
      if (left < 0) return ['  …', ...shown];
      shown.unshift(line);
    }
    return shown;
  }

  #rowsOf(line: string): number {
    return Math.max(1, Math.ceil(widthOf(line) / (this.#output.columns || 80)));
  }

  #replace(staying: readonly string[], drawn: readonly string[]): void {
    const output = this.#output;
    const rows = this.#drawn.reduce((sum, line) => sum + this.#rowsOf(line), 0);
    cursorTo(output, 0);
    moveCursor(output, 0, -rows);
    clearScreenDown(output);
    for (const line of [...staying, ...drawn]) output.write(`${line}\n`);
    this.#drawn = [...drawn];
    this.#lines.prompt(true);
  }
}
