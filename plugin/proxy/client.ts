import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { AnswerWriter } from './answer-writer.ts';
import { faultBody, ProxyError } from './errors.ts';
import type { Exchange, Peer } from './exchange.ts';
import { BodyReader } from './http/body.ts';
import type { ConnectionOption } from './http/edit.ts';
import { HeadReader } from './http/head-reader.ts';
import type { RequestHead } from './http/request.ts';
import type { ProxyLimits } from './limits.ts';

export interface ClientOwner {
  /** Begins what is to be done with a request; nothing of its body has been read. */
  begin(head: RequestHead, client: ClientConnection): Exchange;
  /** Its answer begins, with this status. */
  answering(status: number): void;
  /** Gone. */
  closed(client: ClientConnection): void;
}

/** In `HTTP/1.1 200 OK`. */
const STATUS_AT = 9;
/** After a last answer, what the client is still sending is read and thrown away for this long, lest it lose the answer. */
const LINGER_MS = 1000;
/** Bytes of the requests behind the running one that are read ahead. */
const READ_AHEAD_BYTES = 64 * 1024;

/** One connection of a client: takes its requests apart, one after the other, and gives it their answers in order. */
export class ClientConnection {
  readonly peer: Peer;
  readonly #socket: Socket;
  readonly #owner: ClientOwner;
  readonly #limits: ProxyLimits;
  readonly #heads: HeadReader;
  /** What has come and is not understood yet. */
  #unread: Buffer | null = null;
  #head: RequestHead | null = null;
  #exchange: Exchange | null = null;
  #body: BodyReader | null = null;
  /** The exchange does not take body bytes now. */
  #held = false;
  #paused = false;
  readonly #writer: AnswerWriter;
  #answering = false;
  #closes = false;
  #ending = false;
  #halfClosed = false;
  #draining = false;
  #advancing = false;
  #deadlineMs: number;

  constructor(socket: Socket, peer: Peer, limits: ProxyLimits, owner: ClientOwner) {
    this.#socket = socket;
    this.#writer = new AnswerWriter(socket);
    this.#heads = new HeadReader(limits);
    this.#limits = limits;
    this.#owner = owner;
    this.peer = peer;
    this.#deadlineMs = Date.now() + limits.clientHeaderMs;
    socket.on('data', (bytes) => this.#received(bytes));
    socket.on('drain', () => this.#drained());
    socket.once('end', () => this.#ended());
    socket.once('error', () => socket.destroy());
    socket.once('close', () => this.#gone());
  }

  /** No bytes of an answer have been given yet. */
  get answerable(): boolean {
    return !this.#answering && !this.#ending;
  }

  /** No more requests after the running one; without one the connection is closed. */
  retire(): void {
    this.#closes = true;
    if (this.#exchange !== null || this.#ending) return;
    if (this.#socket.writableLength === 0) this.#socket.destroy();
    else this.#end();
  }

  /** Ends what has waited for too long. */
  tick(nowMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    const isReading = this.#exchange === null ? this.#unread !== null : this.#body !== null;
    if (this.#ending || !isReading || this.#answering) this.#socket.destroy();
    else this.refuse(new ProxyError('request-timeout', 'The request did not come in time.'));
  }

  /** Do not read more of the request's body; `go` ends it. */
  hold(): void {
    this.#held = true;
    this.#pause();
  }

  go(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#advance();
    this.#resume();
  }

  /** A 1xx of Nova's, or the proxy's own `100 Continue`. */
  interim(text: string): void {
    if (this.#head?.minorVersion === 1 && this.answerable) this.#socket.write(text, 'latin1');
  }

  /**
   * What the answer that begins now has to say of the connection. `endsByClose`: nothing else tells where the answer
   * ends.
   */
  connectionOption(endsByClose: boolean): ConnectionOption {
    const head = this.#head;
    // The rest of a request that is answered early is in the way of the next one.
    if (head === null || !head.keepsConnection || endsByClose || this.#body !== null) this.#closes = true;
    if (this.#closes) return 'close';
    return head?.minorVersion === 0 ? 'keep-alive' : null;
  }

  /** The answer's header. It goes out with the first bytes of the body, or with `flush`. */
  answerHead(text: string): void {
    this.#answering = true;
    this.#writer.head(text);
    this.#owner.answering(Number(text.slice(STATUS_AT, STATUS_AT + 3)));
  }

  /** The header goes out without waiting for the body. */
  flush(): void {
    this.#writer.flush();
  }

  /** A piece of the answer; false: wait for `clientDrained`. */
  answer(bytes: Buffer): boolean {
    const takesMore = this.#writer.body(bytes);
    if (!takesMore) this.#draining = true;
    if (this.#draining || this.#halfClosed) this.#setDeadline();
    return takesMore;
  }

  /** The answer is complete: on to the next request. */
  answered(): void {
    this.flush();
    this.#exchange = null;
    this.#head = null;
    this.#answering = false;
    if (this.#closes || this.#halfClosed || this.#body !== null) {
      this.#body = null;
      this.#end();
      return;
    }
    this.#deadlineMs = Date.now() + this.#limits.clientKeepAliveMs;
    if (this.#unread !== null) this.#advance();
    this.#resume();
  }

  /** The answer breaks off: the client is to see a break, no shorter answer. */
  broken(): void {
    this.#socket.destroy();
  }

  /** An answer of the proxy's own. The connection goes on if the request has been read to its end. */
  fault(error: ProxyError): void {
    const body = faultBody(error);
    const option = this.connectionOption(false);
    const lines = [
      `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
      'Content-Type: application/json; charset=UTF-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...(option === null ? [] : [`Connection: ${option}`]),
    ];
    const hasBody = this.#head?.method !== 'HEAD';
    this.answerHead(`${lines.join('\r\n')}\r\n\r\n`);
    if (hasBody) this.answer(Buffer.from(body));
    this.answered();
  }

  /** What came is no request (or none that is taken): says so and closes. */
  refuse(error: ProxyError): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    exchange?.cancel();
    if (!this.answerable) {
      this.#socket.destroy();
      return;
    }
    this.#closes = true;
    this.fault(error);
  }

  #received(bytes: Buffer): void {
    if (this.#ending) return;
    this.#unread = this.#unread === null ? bytes : Buffer.concat([this.#unread, bytes]);
    this.#advance();
  }

  /** Understands what has come, as far as it can be taken now. */
  #advance(): void {
    // An exchange that ends at once calls from inside: the loop goes on anyway.
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#unread !== null && !this.#ending && this.#step(this.#unread));
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      this.refuse(error);
    } finally {
      this.#advancing = false;
    }
  }

  /** One step; false: nothing more can be done now. */
  #step(bytes: Buffer): boolean {
    if (this.#exchange === null) return this.#takeHead(bytes);
    if (this.#body === null) {
      if (bytes.length > READ_AHEAD_BYTES) this.#pause();
      return false;
    }
    if (this.#held) return false;
    const taken = this.#body.take(bytes);
    this.#unread = taken === bytes.length ? null : bytes.subarray(taken);
    const { done } = this.#body;
    if (done) this.#bodyRead();
    if (taken > 0) this.#exchange.body(taken === bytes.length ? bytes : bytes.subarray(0, taken));
    if (done) this.#exchange?.complete();
    return true;
  }

  #takeHead(received: Buffer): boolean {
    const begins = this.#heads.begins;
    const { head, rest } = this.#heads.take(received);
    this.#unread = rest;
    if (head === null) {
      if (begins && rest !== null) this.#deadlineMs = Date.now() + this.#limits.clientHeaderMs;
      return false;
    }
    this.#head = head;
    const body = new BodyReader(head.body, 'request-invalid', this.#limits.headerBytes);
    this.#body = body.done ? null : body;
    this.#deadlineMs = body.done ? Number.POSITIVE_INFINITY : Date.now() + this.#limits.clientRequestMs;
    const exchange = this.#owner.begin(head, this);
    // Answered already?
    if (this.#head !== head) return true;
    this.#exchange = exchange;
    if (body.done) exchange.complete();
    return true;
  }

  #bodyRead(): void {
    this.#body = null;
    this.#setDeadline();
  }

  /** While an answer is under way: counted from its last piece where the client does not take it, or has closed. */
  #setDeadline(): void {
    const { clientStalledMs, clientHalfClosedMs } = this.#limits;
    if (this.#body !== null || this.#ending) return;
    if (this.#draining) this.#deadlineMs = Date.now() + clientStalledMs;
    else this.#deadlineMs = this.#halfClosed ? Date.now() + clientHalfClosedMs : Number.POSITIVE_INFINITY;
  }

  #drained(): void {
    this.#draining = false;
    if (this.#exchange !== null) this.#setDeadline();
    this.#exchange?.clientDrained();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#held) return;
    // The rest of what was read ahead comes first.
    if (this.#exchange !== null && (this.#unread?.length ?? 0) > READ_AHEAD_BYTES) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** The client has said all it wanted. A running answer goes on for a while: many a simple client closes its half. */
  #ended(): void {
    this.#halfClosed = true;
    if (this.#ending) return;
    if (this.#exchange === null) this.#end();
    else if (this.#body === null) this.#setDeadline();
    else if (!this.#answering) this.#socket.destroy();
  }

  #end(): void {
    this.#ending = true;
    this.#unread = null;
    this.#held = false;
    this.#deadlineMs = Date.now() + this.#limits.clientStalledMs;
    this.#resume();
    this.#socket.end(() => {
      this.#deadlineMs = Date.now() + LINGER_MS;
    });
  }

  #gone(): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#ending = true;
    exchange?.cancel();
    this.#owner.closed(this);
  }
}
