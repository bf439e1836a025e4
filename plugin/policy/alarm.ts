import { type Job, scheduleJob } from 'node-schedule';
import type { Policy } from './schema.ts';
import { nextEdgeMs } from './window.ts';

/** Rings at every moment at which a window of the policy in effect opens or closes. */
export class WindowAlarm {
  readonly #ring: () => void;
  #policy: Policy | null = null;
  #job: Job | null = null;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Takes the windows of this policy instead of those before; null: none. */
  watch(policy: Policy | null): void {
    this.#policy = policy;
    this.#schedule();
  }

  stop(): void {
    this.watch(null);
  }

  #schedule(): void {
    this.#job?.cancel();
    this.#job = null;
    if (!this.#policy) return;
    const { windows, priorities } = this.#policy;
    const edgeMs = nextEdgeMs([...windows, ...priorities.rules.flatMap(({ time }) => time ?? [])], Date.now());
    if (edgeMs === null) return;
    this.#job = scheduleJob(new Date(edgeMs), () => {
      this.#ring();
      this.#schedule();
    });
    // In the time between the question and the answer the edge may have passed: then nothing was scheduled.
    if (!this.#job) setImmediate(() => this.#schedule());
  }
}
