import type { Logger } from 'pino';
import type { ClientConnection } from './client.ts';
import type { ProxyError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { AnswerHead } from './http/answer.ts';
import { answerHeadForClient, type ClientSide, requestHeadForNova } from './http/edit.ts';
import type { RequestHead } from './http/request.ts';
import type { UpstreamCall } from './upstream/call.ts';
import type { AnswerReceiver, OutgoingRequest, UpstreamConnection } from './upstream/connection.ts';
import type { Upstreams } from './upstream/upstreams.ts';

/** What a proxy's requests have in common. */
export interface RelayParts {
  upstreams: Upstreams;
  log: Logger;
  /** Whether Nova is told of the client in X-Forwarded fields. */
  forwarded: boolean;
  /** Called with each request that Nova has answered, when the answer is over. */
  answered?: (head: RequestHead, status: number) => void;
}

/** A body that has been read already, as it came. */
export interface BodyInHand {
  bytes: Buffer;
  /** The client was told to go on with it. */
  continued: boolean;
}

/**
 * Sends a request to Nova and streams both ways, each at the pace of the slower side. A client that goes away cancels
 * it.
 */
export class Relay implements Exchange, AnswerReceiver {
  readonly #head: RequestHead;
  readonly #client: ClientConnection;
  readonly #log: Logger;
  readonly #answered: RelayParts['answered'];
  #status = 0;
  readonly #inHand: BodyInHand | null;
  readonly #call: UpstreamCall;
  #connection: UpstreamConnection | null = null;
  #complete: boolean;

  constructor(parts: RelayParts, head: RequestHead, client: ClientConnection, inHand: BodyInHand | null = null) {
    this.#head = head;
    this.#client = client;
    this.#log = parts.log;
    this.#answered = parts.answered;
    this.#inHand = inHand;
    this.#complete = inHand !== null;
    if (inHand === null && head.body.kind !== 'none') client.hold();
    this.#call = parts.upstreams.send(outgoing(parts, head, client, inHand?.continued ?? false), this);
  }

  body(bytes: Buffer): void {
    if (this.#connection?.write(bytes) === false) this.#client.hold();
  }

  complete(): void {
    this.#complete = true;
    this.#connection?.bodySent();
  }

  clientDrained(): void {
    this.#connection?.resume();
  }

  upstreamDrained(): void {
    this.#client.go();
  }

  cancel(): void {
    this.#connection = null;
    this.#call.abort();
  }

  connected(connection: UpstreamConnection): void {
    this.#connection = connection;
    if (this.#inHand !== null) connection.write(this.#inHand.bytes);
    if (this.#complete) connection.bodySent();
    this.#client.go();
  }

  interim(head: AnswerHead): void {
    if (head.status !== 100 || this.#inHand?.continued !== true) this.#client.interim(answerHeadForClient(head, null));
  }

  head(head: AnswerHead, hasMore: boolean): void {
    this.#status = head.status;
    const option = this.#client.connectionOption(head.body.kind === 'close');
    this.#client.answerHead(answerHeadForClient(head, option));
    if (!hasMore) this.#client.flush();
  }

  data(bytes: Buffer): void {
    if (!this.#client.answer(bytes)) this.#connection?.pause();
  }

  ended(): void {
    this.#connection = null;
    this.#client.answered();
    this.#answered?.(this.#head, this.#status);
  }

  failed(error: ProxyError): void {
    this.#connection = null;
    const { method, target: path } = this.#head;
    this.#log.warn({ err: error, code: error.code, method, path }, 'proxy: no answer from Nova');
    if (this.#client.answerable) this.#client.fault(error);
    else this.#client.broken();
  }
}

/** A client's request as it goes to Nova. */
export function outgoing(
  parts: RelayParts,
  head: RequestHead,
  client: ClientConnection,
  continued: boolean,
): OutgoingRequest {
  const { address, secure, trusted } = client.peer;
  const side: ClientSide | null = parts.forwarded ? { address, protocol: secure ? 'https' : 'http', trusted } : null;
  return {
    method: head.method,
    head: (closes) => requestHeadForNova(head, { client: side, closes, continued }),
    onlyReads: (head.method === 'GET' || head.method === 'HEAD') && head.body.kind === 'none',
  };
}
