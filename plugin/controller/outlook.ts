import type { Logger } from 'pino';
import type { Figures } from '../api/figures.ts';
import type { Contention } from '../contract.ts';
import { describeError } from '../errors.ts';
import type { RoomWatch } from '../placement/watch.ts';
import type { PolicyFiles } from '../policy/watch.ts';
import type { Tracker } from '../tracker/tracker.ts';
import { isChoosable } from './execute/chosen.ts';
import type { Experience } from './execute/experience.ts';
import { PlanGuard } from './guard.ts';
import type { Lookout } from './lookout.ts';
import type { LookAhead } from './plan/lookahead.ts';
import { type Action, contentionLevels, planAhead, refusal, type World } from './plan/plan.ts';
import type { InFlightMigration, QueuedMigration } from './plan/world.ts';
import { type Entry, type Queue, waits } from './queue.ts';
import type { RequestParts } from './requests.ts';
import type { Store } from './store/store.ts';

export interface OutlookParts {
  store: Store;
  queue: Queue;
  lookout: Lookout;
  tracker: Tracker;
  policy: PolicyFiles;
  /** Another one after each start. */
  experience: () => Experience;
  figures: Figures;
  /** When those arrived that are being admitted. */
  arriving: () => readonly number[];
  /** Absent: nobody asks Placement. */
  room?: Pick<RoomWatch, 'room'> | undefined;
  log: Logger;
}

/** The world as it is in this moment, what the plan makes of it, and what was foreseen last. */
export class Outlook {
  readonly #parts: OutlookParts;
  readonly #guard: PlanGuard;
  #contention: ReadonlyMap<string, Contention> = new Map();
  #ahead: LookAhead | null = null;
  /** Why nobody could look ahead in the last round; null: it was done. */
  #failure: string | null = null;

  constructor(parts: OutlookParts) {
    this.#parts = parts;
    const { store, figures, log } = parts;
    this.#guard = new PlanGuard({ figures, tell: (notice) => store.addNotice(notice), log });
  }

  /** What the last round foresaw. */
  get ahead(): LookAhead | null {
    return this.#ahead;
  }

  world(): World {
    const { policy, tracker, queue, lookout, experience } = this.#parts;
    return {
      nowMs: Date.now(),
      policy: policy.policy,
      queue: queue
        .entries()
        .filter((entry) => waits(entry) && lookout.isFree(entry.id) && !isEarly(entry, Date.now()))
        .map(asAskedFor),
      arriving: this.#parts.arriving(),
      inFlight: queue.inFlight().map((entry) => this.#inFlight(entry)),
      hosts: tracker.hosts,
      previousContention: this.#contention,
      calibration: experience().calibration,
      room: this.#parts.room?.room() ?? null,
    };
  }

  /** With what its source's hostd sees of the stream. */
  #inFlight(entry: Entry): InFlightMigration {
    const { source, vmUuid, submittedAtMs } = entry;
    const view = submittedAtMs === null ? null : this.#parts.tracker.migration(source, vmUuid, 'source', submittedAtMs);
    if (!view || view.memoryTotalBytes === 0) return entry;
    const { memoryTransferredBytes: transferredBytes, memoryRemainingBytes: remainingBytes } = view;
    return { ...entry, stream: { transferredBytes, remainingBytes } };
  }

  /** The steps to take now. Throws where none can be planned. */
  plan(world: World): Action[] {
    this.#ahead = null;
    if (world.queue.length === 0 && world.inFlight.length === 0) return [];
    const beganAtMs = performance.now();
    const { actions: planned, ahead, failure } = planAhead(world);
    const actions = this.#guard.guarded(world, planned);
    this.#parts.figures.addPlan((performance.now() - beganAtMs) / 1000);
    this.#ahead = ahead;
    this.#contention = contentionLevels(world);
    this.#sayOnce(failure);
    return actions;
  }

  /** That nobody can look ahead is worth one notice, not one a second. */
  #sayOnce(failure: string | null): void {
    if (failure === this.#failure) return;
    this.#failure = failure;
    if (failure === null) return;
    const { store, log } = this.#parts;
    log.error({ error: failure }, 'nobody can look ahead: decided by the order of the policy alone');
    const text = 'start times and ETAs cannot be told; migrations are decided all the same, by the order of the policy';
    store
      .addNotice({ atMs: Date.now(), code: 'lookahead-failed', text, details: [failure] })
      .catch((error: unknown) => {
        log.error({ error: describeError(error) }, 'a notice cannot be written down');
      });
  }

  /** Why one would be refused for its deadline if it were asked for now and decided at once. */
  refusal({ vmUuid, taken, asked }: Parameters<RequestParts['refusal']>[0]): string | null {
    const world = this.world();
    const { source, destination, server, candidates } = taken;
    const nowMs = Math.max(world.nowMs, asked.notBeforeAtMs ?? 0);
    // What is asked for through the control API may have its destination chosen if it names none.
    const choosable = destination === null;
    const wanted = { id: 0, vmUuid, source, destination, server, candidates, choosable, receivedAtMs: nowMs };
    return refusal({ ...world, nowMs }, { ...wanted, asked, deadlineAtMs: asked.deadlineAtMs })?.text ?? null;
  }
}

/** It was asked to start later. */
export function isEarly({ asked }: Entry, nowMs: number): boolean {
  return (asked?.notBeforeAtMs ?? 0) > nowMs;
}

/** As the plan sees it: what starts later at its own wish has not waited before, and its own deadline counts. */
export function asAskedFor(entry: Entry): Entry & Pick<QueuedMigration, 'deadlineAtMs' | 'choosable'> {
  const choosable = isChoosable(entry.request);
  if (!entry.asked) return { ...entry, choosable };
  const { notBeforeAtMs, deadlineAtMs } = entry.asked;
  return { ...entry, choosable, deadlineAtMs, receivedAtMs: Math.max(entry.receivedAtMs, notBeforeAtMs ?? 0) };
}
