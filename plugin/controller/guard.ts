import type { Logger } from 'pino';
import type { Figures } from '../api/figures.ts';
import type { Notice } from '../contract.ts';
import { describeError } from '../errors.ts';
import { type Breach, breachesOf } from './plan/check.ts';
import type { Action, World } from './plan/world.ts';

export interface GuardParts {
  figures: Figures;
  tell: (notice: Omit<Notice, 'id'>) => Promise<void>;
  log: Logger;
  /** Default: the independent check of a plan. */
  check?: (world: World, actions: readonly Action[]) => Breach[];
}

/** Then it is carried out all the same: a fault of the check must not keep a migration for ever. */
export const HELD_AT_MOST_MS = 30_000;
/** One notice tells of all that follows in this time. */
const TELL_EVERY_MS = 3_600_000;
const MOST_NAMED = 10;

/**
 * Has every plan verified by other code than made it (plan/check) before it is carried out. What cannot be taken back, a
 * start or a refusal, is held while it breaks a rule, and planned anew in the next round; for 30 s, then the planner is
 * right. What breaks a rule by waiting or in what it reserves is told only: holding would change nothing, and hostd takes
 * no rates that do not fit. Of each breach that the round before did not have there is one error in the log and one in
 * the metrics; a notice at most once an hour.
 */
export class PlanGuard {
  readonly #parts: GuardParts;
  /** Since when each is held, by id. */
  #heldSinceMs = new Map<number, number>();
  #known: ReadonlySet<string> = new Set();
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /** The actions that may be taken. */
  guarded(world: World, actions: Action[]): Action[] {
    const breaches = this.#breaches(world, actions);
    const broken = new Map(breaches.map(({ id, text }) => [id, text]));
    const before = this.#heldSinceMs;
    this.#heldSinceMs = new Map();
    if (breaches.length === 0 && this.#known.size === 0) return actions;
    this.#say(world, breaches);
    return actions.map((action) => {
      const text = broken.get(action.id);
      if (text === undefined || (action.kind !== 'start' && action.kind !== 'refuse')) return action;
      const sinceMs = before.get(action.id) ?? world.nowMs;
      this.#heldSinceMs.set(action.id, sinceMs);
      if (world.nowMs - sinceMs >= HELD_AT_MOST_MS) return action;
      const why = `held and planned anew, as its ${action.kind} would break a rule (${text})`;
      const warning = action.kind === 'start' ? action.warning : null;
      return { kind: 'hold', id: action.id, untilMs: null, reason: { code: 'plan-broken', text: why }, warning };
    });
  }

  /** A check that fails finds nothing. */
  #breaches(world: World, actions: readonly Action[]): Breach[] {
    const { check = breachesOf, log } = this.#parts;
    try {
      return check(world, actions);
    } catch (error) {
      log.error({ error: describeError(error) }, 'a plan cannot be verified: it is carried out as it is');
      return [];
    }
  }

  #say(world: World, breaches: readonly Breach[]): void {
    const { figures, tell, log } = this.#parts;
    const fresh = breaches.filter(({ text }) => !this.#known.has(text)).map(({ text }) => text);
    this.#known = new Set(breaches.map(({ text }) => text));
    if (fresh.length === 0) return;
    figures.addBreaches(fresh.length);
    log.error(
      { breaches: fresh.slice(0, MOST_NAMED), count: fresh.length },
      'a plan breaks its rules: a fault of Drover',
    );
    if (world.nowMs - this.#toldAtMs < TELL_EVERY_MS) return;
    this.#toldAtMs = world.nowMs;
    const text = `a plan breaks its own rules, a fault of Drover: what would break one is held, for ${HELD_AT_MOST_MS / 1000} s at most`;
    const notice = { atMs: world.nowMs, code: 'plan-broken' as const, text, details: fresh.slice(0, MOST_NAMED) };
    tell(notice).catch((error: unknown) => {
      log.error({ error: describeError(error) }, 'a notice cannot be written down');
    });
  }
}
