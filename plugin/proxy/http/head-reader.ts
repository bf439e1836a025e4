import { checkPartialHead, emptyLines, headEnd, tooLarge } from './head.ts';
import { parseRequestHead, type RequestHead } from './request.ts';

export interface HeadLimits {
  headerBytes: number;
  headerFields: number;
}

/** Looks for the head of a request in what has come, without reading any byte twice. */
export class HeadReader {
  readonly #limits: HeadLimits;
  /** So much of what was left holds no end of a head. */
  #searched = 0;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** Of a head that has not come to its end nothing was seen before. */
  get begins(): boolean {
    return this.#searched === 0;
  }

  /**
   * `rest` is what is to be given again with what comes next, or belongs to the body; null: nothing is left. Empty lines
   * before a head are left out.
   *
   * @throws ProxyError where it is no head, or too large a one
   */
  take(received: Buffer): { head: RequestHead | null; rest: Buffer | null } {
    const empty = this.#searched === 0 ? emptyLines(received) : 0;
    const bytes = empty === 0 ? received : received.subarray(empty);
    if (bytes.length === 0) return { head: null, rest: null };
    const { headerBytes, headerFields } = this.#limits;
    const end = headEnd(bytes, this.#searched);
    if (end === -1) {
      checkPartialHead(bytes, this.#searched, headerBytes);
      this.#searched = bytes.length;
      return { head: null, rest: bytes };
    }
    if (end > headerBytes) throw tooLarge(bytes, headerBytes);
    this.#searched = 0;
    const head = parseRequestHead(bytes.toString('latin1', 0, end - 2), headerFields);
    return { head, rest: end === bytes.length ? null : bytes.subarray(end) };
  }
}
