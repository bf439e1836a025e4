import type { UpstreamAnswer, Verdict } from '../proxy/live-migrate.ts';

/** A caller that has no answer yet. Its request goes to Nova through `forward` or not at all, and so at most once. */
export class Waiter {
  /** The client closed its connection. */
  readonly gone: AbortSignal;
  readonly #forward: () => Promise<UpstreamAnswer>;
  readonly #answer: (verdict: Verdict) => void;
  #sent = false;
  /** Whether Nova would take the request from this caller now: only then may it be told to wait. */
  wouldTake: () => Promise<boolean> = async () => false;

  /** `forward` gives the same promise at every call; where it throws at once, nothing was sent. */
  constructor(forward: () => Promise<UpstreamAnswer>, answer: (verdict: Verdict) => void, gone: AbortSignal) {
    this.#forward = forward;
    this.#answer = answer;
    this.gone = gone;
  }

  /** Its request has gone to Nova: nobody may ask Nova for it again. */
  get sent(): boolean {
    return this.#sent;
  }

  forward(): Promise<UpstreamAnswer> {
    try {
      const answer = this.#forward();
      this.#sent = true;
      return answer;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  answer(verdict: Verdict): void {
    this.#answer(verdict);
  }
}
