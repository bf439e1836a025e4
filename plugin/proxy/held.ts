import type { ClientConnection } from './client.ts';
import { ProxyError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { fetchAnswer } from './fetch.ts';
import { endToEnd, headerValues } from './headers.ts';
import { BodyReader } from './http/body.ts';
import type { RequestHead } from './http/request.ts';
import type { ProxyLimits } from './limits.ts';
import type { UpstreamAnswer } from './live-migrate.ts';
import { type BodyInHand, Relay, type RelayParts } from './relay.ts';

/**
 * A request that is read whole before anything becomes of it. `decide` then calls `pass`, `answer` or `fault`, once;
 * `forward` may come before.
 */
export class HeldRequest implements Exchange {
  readonly head: RequestHead;
  readonly client: ClientConnection;
  readonly #parts: RelayParts;
  readonly #limits: ProxyLimits;
  readonly #decide: (held: HeldRequest) => Promise<void>;
  readonly #reader: BodyReader;
  readonly #raw: Buffer[] = [];
  #rawBytes = 0;
  readonly #content: Buffer[] = [];
  #contentBytes = 0;
  #continued = false;
  #relay: Relay | null = null;
  #forwarded: Promise<UpstreamAnswer> | null = null;
  readonly #gone = new AbortController();

  constructor(
    parts: RelayParts,
    limits: ProxyLimits,
    head: RequestHead,
    client: ClientConnection,
    decide: (held: HeldRequest) => Promise<void>,
  ) {
    this.head = head;
    this.client = client;
    this.#parts = parts;
    this.#limits = limits;
    this.#decide = decide;
    this.#reader = new BodyReader(head.body, 'request-invalid', limits.headerBytes, (bytes) => {
      this.#content.push(bytes);
      this.#contentBytes += bytes.length;
    });
    if (head.expectsContinue && head.body.kind !== 'none') {
      this.#continued = true;
      client.interim('HTTP/1.1 100 Continue\r\n\r\n');
    }
  }

  /** The body without its framing. */
  get content(): Buffer {
    return Buffer.concat(this.#content);
  }

  /** The body as it came. */
  get inHand(): BodyInHand {
    return { bytes: Buffer.concat(this.#raw), continued: this.#continued };
  }

  /** Aborted when the client goes away before its answer. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** The request went to Nova already. */
  get forwarded(): Promise<UpstreamAnswer> | null {
    return this.#forwarded;
  }

  /**
   * Sends the request to Nova byte for byte, once: every call gives the same promise. It runs to its end, whatever
   * becomes of the client. `mayGo` of the first call: see fetchAnswer.
   */
  forward(mayGo?: () => boolean): Promise<UpstreamAnswer> {
    if (this.#forwarded === null) {
      this.#forwarded = fetchAnswer(this.#parts, this.head, this.client, this.inHand, this.#limits, mayGo);
      // Whoever asked for it hears of a failure; nobody else needs to.
      this.#forwarded.catch(() => {});
    }
    return this.#forwarded;
  }

  /** Sends the request to Nova and streams the answer to the client; with another head where one is given. */
  pass(head = this.head): void {
    if (this.#gone.signal.aborted) return;
    this.#relay = new Relay(this.#parts, head, this.client, this.inHand);
  }

  /** Gives the client an answer that is there as a whole. */
  answer(answer: UpstreamAnswer): void {
    if (this.#gone.signal.aborted) return;
    const chunked = headerValues(answer.rawHeaders, 'transfer-encoding').length > 0;
    const option = this.client.connectionOption(false);
    this.client.answerHead(answerText(answer, option === null ? [] : ['Connection', option]));
    const hasBody = this.head.method !== 'HEAD' && answer.status !== 204 && answer.status !== 304;
    if (hasBody) this.client.answer(chunked ? asChunk(answer.body) : answer.body);
    this.client.answered();
    this.#parts.answered?.(this.head, answer.status);
  }

  fault(error: ProxyError): void {
    if (this.#gone.signal.aborted) return;
    const { method, target: path } = this.head;
    this.#parts.log.warn({ err: error, code: error.code, method, path }, 'proxy: refused, or no answer from Nova');
    this.client.fault(error);
  }

  body(bytes: Buffer): void {
    this.#raw.push(bytes);
    this.#rawBytes += bytes.length;
    this.#reader.take(bytes);
    const { actionBodyBytes } = this.#limits;
    // Chunks of a byte each are six times as long as what is in them.
    if (this.#contentBytes > actionBodyBytes || this.#rawBytes > 8 * actionBodyBytes + 1024) {
      throw new ProxyError('body-too-large', `A server action's body is longer than ${actionBodyBytes} bytes.`);
    }
  }

  complete(): void {
    this.#decide(this).catch((error: unknown) => {
      this.#parts.log.error({ err: error, path: this.head.target }, 'proxy: request dropped');
      this.client.broken();
    });
  }

  clientDrained(): void {
    this.#relay?.clientDrained();
  }

  cancel(): void {
    this.#gone.abort();
    this.#relay?.cancel();
  }
}

function answerText(answer: UpstreamAnswer, more: string[]): string {
  const { status, statusMessage, rawHeaders } = answer;
  const headers = [...endToEnd(rawHeaders), ...more];
  let text = `HTTP/1.1 ${status} ${statusMessage}\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${text}\r\n`;
}

function asChunk(body: Buffer): Buffer {
  const size = body.length === 0 ? '' : `${body.length.toString(16)}\r\n`;
  return Buffer.concat([Buffer.from(size), body, Buffer.from(body.length === 0 ? '0\r\n\r\n' : '\r\n0\r\n\r\n')]);
}
