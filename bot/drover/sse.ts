/** One message of a stream of server-sent events. */
export interface SseMessage {
  event: string;
  /** The last one seen, as a reader that connects again gives it back. */
  id: string;
  data: string;
}

/** More than any message of the control API; what is longer is no such stream. */
const MOST_CHARACTERS = 4 << 20;

/**
 * Reads server-sent events as they come in pieces (WHATWG HTML, 9.2.6). Pure: feed it text, it gives the messages that are
 * whole by then. `retry` and comments say nothing to this reader.
 *
 * @throws Error if a line never ends
 */
export class SseReader {
  #text = '';
  #event = '';
  #data: string[] = [];
  #id = '';

  read(piece: string): SseMessage[] {
    this.#text += piece;
    const messages: SseMessage[] = [];
    for (;;) {
      // A carriage return at the very end may be half of a CRLF.
      const end = /\r\n|\n|\r(?!$)/.exec(this.#text);
      if (!end) break;
      const message = this.#line(this.#text.slice(0, end.index));
      this.#text = this.#text.slice(end.index + end[0].length);
      if (message) messages.push(message);
    }
    if (this.#text.length > MOST_CHARACTERS) throw new Error('this is no stream of events: a line does not end');
    return messages;
  }

  #line(line: string): SseMessage | null {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    return null;
  }

  #dispatch(): SseMessage | null {
    const message = { event: this.#event === '' ? 'message' : this.#event, id: this.#id, data: this.#data.join('\n') };
    const isEmpty = this.#data.length === 0;
    this.#event = '';
    this.#data = [];
    return isEmpty ? null : message;
  }
}
