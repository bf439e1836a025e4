import type { Logger } from 'pino';
import { describeError } from '../errors.ts';
import type { RoomWatch } from '../placement/watch.ts';
import type { Execution } from './execute/execute.ts';
import type { Lookout } from './lookout.ts';
import { asAskedFor, isEarly, type Outlook } from './outlook.ts';
import { Pause } from './pause.ts';
import { factsOf } from './plan/facts.ts';
import type { Action, World } from './plan/plan.ts';
import { type Entry, type Queue, waits } from './queue.ts';

export interface RoundParts {
  outlook: Outlook;
  lookout: Lookout;
  queue: Queue;
  /** Another one after each start. */
  execution: () => Execution;
  room?: Pick<RoomWatch, 'round'> | undefined;
  log: Logger;
}

const TICK_MS = 1000;
/** While plans fail, what was accepted waits that long for one that does not. */
const PLAN_FAILS_FOR_MS = 30_000;

/** The rounds of the controller: look around, plan, take the steps; once a second, and when something changed. */
export class Rounds {
  readonly #parts: RoundParts;
  readonly #pause = new Pause();
  #planFailsSinceMs: number | null = null;

  constructor(parts: RoundParts) {
    this.#parts = parts;
  }

  /** The next round begins at once. */
  wake(): void {
    this.#pause.end();
  }

  /** Until `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let untilMs = Date.now() + TICK_MS;
      this.#lookAround();
      const planned = this.#planned();
      if (planned) {
        const { world, actions } = planned;
        const ends = actions.flatMap((action) =>
          action.kind === 'hold' && action.untilMs !== null ? [action.untilMs] : [],
        );
        untilMs = Math.min(untilMs, ...ends);
        // Together: a parallel gang is not spread out by the time that Nova takes for each answer.
        await Promise.all(actions.map((action) => this.#act(world, action)));
      }
      await this.#pause.wait(Math.max(1, untilMs - Date.now()));
    }
  }

  /** Null: there is no plan to be had now. Callers that wait get their answer from Nova. */
  #planned(): { world: World; actions: Action[] } | null {
    try {
      const world = this.#parts.outlook.world();
      const actions = this.#parts.outlook.plan(world);
      this.#planFailsSinceMs = null;
      return { world, actions };
    } catch (error) {
      this.#planFailed(describeError(error));
      return null;
    }
  }

  #planFailed(why: string): void {
    const nowMs = Date.now();
    if (this.#planFailsSinceMs === null) {
      this.#parts.log.error({ error: why }, 'no plan can be made: callers that wait get their answer from Nova');
    }
    this.#planFailsSinceMs ??= nowMs;
    const lasts = nowMs - this.#planFailsSinceMs >= PLAN_FAILS_FOR_MS;
    const reason = { code: 'plan-failed', text: `${why}: to Nova unchanged` };
    for (const entry of this.#parts.queue.entries().filter((each) => waits(each) && !isEarly(each, nowMs))) {
      if (this.#parts.queue.waiter(entry.id)) void this.#parts.execution().handOver(entry.id, reason);
      else if (lasts) void this.#parts.execution().beginUnchanged(entry, reason);
    }
  }

  #lookAround(): void {
    const { queue, room } = this.#parts;
    const nowMs = Date.now();
    room?.round(
      queue.entries().filter((entry) => waits(entry) && !isEarly(entry, nowMs)),
      queue.inFlight(),
    );
    this.#parts.lookout.lookAround().catch((error: unknown) => {
      this.#parts.log.error({ error: describeError(error) }, 'a look at the servers of waiting migrations failed');
    });
  }

  async #act(world: World, action: Action): Promise<void> {
    try {
      await this.#step(world, action);
    } catch (error) {
      const text = `${describeError(error)}: to Nova unchanged`;
      this.#parts.log.error({ migration: action.id, error: describeError(error) }, 'a step failed');
      void this.#parts.execution().handOver(action.id, { code: 'step-failed', text });
    }
  }

  /** The facts are of the host that was chosen: the decision is made again from it. */
  #begin(
    world: World,
    entry: Entry,
    { decision, warning, choosing }: Extract<Action, { kind: 'start' }>,
  ): Promise<void> {
    const destination = entry.destination ?? decision.destination?.host ?? null;
    const facts = factsOf(world, { ...asAskedFor(entry), destination }, choosing);
    return this.#parts.execution().begin(entry, decision, facts, warning);
  }

  async #step(world: World, action: Action): Promise<void> {
    const entry = this.#parts.queue.get(action.id);
    if (!entry) return;
    switch (action.kind) {
      case 'start':
        return this.#begin(world, entry, action);
      case 'pass':
        return this.#parts.execution().beginUnchanged(entry, action.reason);
      case 'hold':
        return this.#parts.execution().hold(entry, action.reason, action.warning);
      case 'refuse':
        return this.#parts.execution().refuse(entry, action.reason);
      case 'adjust':
        return this.#parts.execution().running.adjust(entry, action.reservation);
    }
  }
}
