import type { Socket } from 'node:net';
import { ProxyError } from '../errors.ts';
import { type AnswerHead, parseAnswerHead } from '../http/answer.ts';
import { BodyReader } from '../http/body.ts';
import { headEnd } from '../http/head.ts';
import type { ProxyLimits } from '../limits.ts';

/** A request on its way to Nova. */
export interface OutgoingRequest {
  method: string;
  /** The head as it goes out, with the empty line. `closes`: the connection ends after this request. */
  head(closes: boolean): string;
  /** It only reads and has no body: may go over a kept connection, and once more where that one was closed. */
  onlyReads: boolean;
  /** Asked right before the head is written: false ends the request unsent. */
  mayGo?: () => boolean;
}

/** Takes Nova's answer piece by piece. After `failed` or `ended` nothing more comes. */
export interface AnswerReceiver {
  /** The head is on its way; the body may follow. Comes once. */
  connected(connection: UpstreamConnection): void;
  /** A 1xx: the answer itself is still to come. */
  interim(head: AnswerHead): void;
  /** `hasMore`: bytes of the body follow at once. */
  head(head: AnswerHead, hasMore: boolean): void;
  /** The body as it came, framing and all. */
  data(bytes: Buffer): void;
  ended(): void;
  /** The connection takes more of the request's body. */
  upstreamDrained(): void;
  failed(error: ProxyError): void;
}

/** How a connection was lost: before it was there, before a byte of the answer, or in the middle of the answer. */
export type LossStage = 'unconnected' | 'unanswered' | 'answering';

export interface ConnectionOwner {
  /** The answer is complete and the connection may take another request. */
  free(connection: UpstreamConnection): void;
  /** Gone, for whatever reason. */
  closed(connection: UpstreamConnection): void;
}

/** What a connection does for one request. */
export interface ConnectionUse {
  request: OutgoingRequest;
  receiver: AnswerReceiver;
  lost(stage: LossStage, error: ProxyError, wasKept: boolean): void;
}

/** One connection to Nova, for one request at a time. */
export class UpstreamConnection {
  readonly #socket: Socket;
  readonly #limits: ProxyLimits;
  readonly #owner: ConnectionOwner;
  #use: ConnectionUse | null = null;
  #connected = false;
  #served = 0;
  #closes = false;
  #bodySent = false;
  #headBytes: Buffer | null = null;
  #answer: AnswerHead | null = null;
  #body: BodyReader | null = null;
  #paused = false;
  #gone = false;
  #since = Date.now();

  constructor(socket: Socket, connectEvent: 'connect' | 'secureConnect', limits: ProxyLimits, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#limits = limits;
    this.#owner = owner;
    socket.once(connectEvent, () => this.#established());
    socket.on('data', (bytes) => this.#received(bytes));
    socket.on('drain', () => {
      this.#since = Date.now();
      this.#use?.receiver.upstreamDrained();
    });
    socket.once('end', () => this.#ended());
    socket.once('error', (error) => this.#lose(unavailable(error, this.#connected)));
    socket.once('close', () => this.#lose(unavailable(undefined, this.#connected)));
  }

  /** Sends the request's head. `closes`: no other request follows on this connection. */
  take(use: ConnectionUse, closes: boolean): void {
    this.#use = use;
    this.#closes = closes;
    this.#bodySent = use.request.onlyReads;
    this.#answer = null;
    this.#body = null;
    this.#since = Date.now();
    if (this.#connected) this.#send(use);
  }

  /** More of the request's body; false: wait for `upstreamDrained`. */
  write(bytes: Buffer): boolean {
    return this.#socket.write(bytes);
  }

  /** The request's body is complete. */
  bodySent(): void {
    this.#bodySent = true;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#since = Date.now();
    this.#socket.resume();
  }

  /** Closes without telling whoever uses it. */
  destroy(): void {
    this.#use = null;
    this.#close();
  }

  /** Closes what has waited for too long. */
  tick(nowMs: number): void {
    const waitedMs = nowMs - this.#since;
    if (!this.#connected) {
      if (waitedMs > this.#limits.upstreamConnectMs) this.#lose(unavailable(undefined, false));
    } else if (this.#use === null) {
      if (waitedMs > this.#limits.upstreamKeepAliveMs) this.#close();
    } else if (!this.#paused && waitedMs > this.#limits.upstreamAnswerMs) {
      this.#lose(new ProxyError('upstream-timeout', 'The Compute API did not answer in time.'));
    }
  }

  #established(): void {
    this.#connected = true;
    this.#since = Date.now();
    if (this.#use !== null) this.#send(this.#use);
  }

  #send(use: ConnectionUse): void {
    if (use.request.mayGo?.() === false) {
      this.#use = null;
      this.#close();
      use.lost('unconnected', unavailable(undefined, false), false);
      return;
    }
    this.#socket.write(use.request.head(this.#closes), 'latin1');
    use.receiver.connected(this);
  }

  #received(bytes: Buffer): void {
    this.#since = Date.now();
    const use = this.#use;
    // Bytes that no request asked for: an answer put there for the next one.
    if (use === null) {
      this.#close();
      return;
    }
    try {
      if (this.#body === null) this.#takeHead(bytes, use);
      else this.#takeBody(bytes, this.#body, use);
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      this.#lose(error);
    }
  }

  #takeHead(bytes: Buffer, use: ConnectionUse): void {
    const searched = this.#headBytes?.length ?? 0;
    let rest = this.#headBytes === null ? bytes : Buffer.concat([this.#headBytes, bytes]);
    this.#headBytes = null;
    for (let from = searched; ; from = 0) {
      const end = headEnd(rest, from);
      if (end === -1 || end > this.#limits.headerBytes) {
        if (rest.length > this.#limits.headerBytes) {
          throw new ProxyError('answer-invalid', 'The header of the Compute API’s answer is too long.');
        }
        this.#headBytes = rest;
        return;
      }
      const head = parseAnswerHead(rest.toString('latin1', 0, end - 2), use.request.method, this.#limits.headerFields);
      rest = rest.subarray(end);
      if (head.status >= 200) {
        this.#answer = head;
        this.#body = new BodyReader(head.body, 'answer-invalid', this.#limits.headerBytes);
        use.receiver.head(head, rest.length > 0);
        if (this.#use === use) this.#takeBody(rest, this.#body, use);
        return;
      }
      if (head.status === 101) throw new ProxyError('answer-invalid', 'The Compute API changed the protocol unasked.');
      use.receiver.interim(head);
      if (rest.length === 0 || this.#use !== use) return;
    }
  }

  #takeBody(bytes: Buffer, body: BodyReader, use: ConnectionUse): void {
    const taken = body.take(bytes);
    if (taken > 0) use.receiver.data(taken === bytes.length ? bytes : bytes.subarray(0, taken));
    if (body.done && this.#use === use) this.#finish(use, taken < bytes.length);
  }

  #finish(use: ConnectionUse, hasMore: boolean): void {
    this.#use = null;
    this.#served += 1;
    if (this.#paused) this.resume();
    const keeps = !this.#closes && this.#bodySent && !hasMore && this.#answer?.keepsConnection === true;
    if (keeps && this.#answer?.body.kind !== 'close') this.#owner.free(this);
    else this.#close();
    use.receiver.ended();
  }

  /** Nova has nothing more to say: the end of an answer that has no other end. */
  #ended(): void {
    const use = this.#use;
    if (use !== null && this.#answer?.body.kind === 'close') this.#finish(use, false);
  }

  #lose(error: ProxyError): void {
    const use = this.#use;
    this.#use = null;
    this.#close();
    if (use === null) return;
    const isAnswering = this.#answer !== null || this.#headBytes !== null;
    const stage = !this.#connected ? 'unconnected' : isAnswering ? 'answering' : 'unanswered';
    use.lost(stage, error, this.#served > 0);
  }

  #close(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#socket.destroy();
    this.#owner.closed(this);
  }
}

function unavailable(cause: Error | undefined, connected: boolean): ProxyError {
  return connected
    ? new ProxyError('upstream-interrupted', 'The connection to the Compute API was lost.', { cause })
    : new ProxyError('upstream-unreachable', 'The Compute API is not reachable. Please try again later.', { cause });
}
