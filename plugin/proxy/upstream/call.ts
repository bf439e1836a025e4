import type { ProxyError } from '../errors.ts';
import type { AnswerReceiver, LossStage, OutgoingRequest, UpstreamConnection } from './connection.ts';
import type { Upstream, WaitingUse } from './upstream.ts';

/** Chooses among several addresses of Nova's API. */
export interface UpstreamChoice {
  /** The one whose turn it is, null if all of them have been tried. */
  choose(tried: ReadonlySet<Upstream>): Upstream | null;
  unreachable(upstream: Upstream): void;
}

/**
 * One request, sent until somebody got it: to another upstream where nothing could be sent, and once more over a
 * connection of its own where a kept one turned out to be closed and the request only reads. Never twice otherwise.
 */
export class UpstreamCall implements WaitingUse {
  readonly request: OutgoingRequest;
  readonly receiver: AnswerReceiver;
  readonly #choice: UpstreamChoice;
  readonly #tried = new Set<Upstream>();
  #upstream: Upstream | null = null;
  #connection: UpstreamConnection | null = null;

  constructor(choice: UpstreamChoice, request: OutgoingRequest, receiver: AnswerReceiver) {
    this.#choice = choice;
    this.request = request;
    this.receiver = receiver;
  }

  start(): void {
    const upstream = this.#choice.choose(this.#tried);
    if (upstream !== null) this.#place(upstream, !this.request.onlyReads);
  }

  placed(connection: UpstreamConnection): void {
    this.#connection = connection;
  }

  lost(stage: LossStage, error: ProxyError, wasKept: boolean): void {
    const upstream = this.#upstream;
    this.#connection = null;
    if (stage === 'unconnected' && this.request.mayGo?.() === false) {
      // No fault of the upstream's, and no other one gets it either.
    } else if (upstream !== null && stage === 'unconnected') {
      this.#tried.add(upstream);
      this.#choice.unreachable(upstream);
      const another = this.#choice.choose(this.#tried);
      if (another !== null) {
        this.#place(another, true);
        return;
      }
    } else if (upstream !== null && stage === 'unanswered' && wasKept && this.request.onlyReads) {
      // Closed, that is; not silent, and no answer that could not be read.
      if (error.code === 'upstream-interrupted') {
        this.#place(upstream, true);
        return;
      }
    }
    this.receiver.failed(error);
  }

  late(error: ProxyError): void {
    this.receiver.failed(error);
  }

  /** Nobody wants the answer any more. */
  abort(): void {
    this.#upstream?.withdraw(this);
    this.#connection?.destroy();
  }

  #place(upstream: Upstream, fresh: boolean): void {
    this.#upstream = upstream;
    upstream.place(this, fresh);
  }
}
