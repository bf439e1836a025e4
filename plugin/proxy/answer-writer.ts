import type { Socket } from 'node:net';

/** Answers up to this size are put behind their header, to go out as one piece. */
const ONE_PIECE_BYTES = 16 * 1024;

/** Writes answers to a client: the header waits for the first bytes of the body. */
export class AnswerWriter {
  readonly #socket: Socket;
  #head: string | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** It goes out with the first bytes of the body, or with `flush`. */
  head(text: string): void {
    this.#head = text;
  }

  /** The header goes out without waiting for the body. */
  flush(): void {
    if (this.#head === null) return;
    this.#socket.write(this.#head, 'latin1');
    this.#head = null;
  }

  /** False: the socket takes no more for now. */
  body(bytes: Buffer): boolean {
    const head = this.#head;
    this.#head = null;
    if (head === null) return this.#socket.write(bytes);
    if (bytes.length <= ONE_PIECE_BYTES) return this.#socket.write(head + bytes.toString('latin1'), 'latin1');
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    const takesMore = this.#socket.write(bytes);
    this.#socket.uncork();
    return takesMore;
  }
}
