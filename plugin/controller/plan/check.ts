import type { LinkReservation } from 'drover-hostd/contract';
import { checkAnswers, checkKnown } from './check/account.ts';
import { checkCounts } from './check/counts.ts';
import { checkDeadlines, checkRefusal } from './check/deadlines.ts';
import { checkDestination } from './check/destination.ts';
import { checkIdle, checkOrder, checkSerial, checkTiming } from './check/order.ts';
import { checkOvertaken } from './check/overtaken.ts';
import { checkReservation } from './check/reservation.ts';
import { checkRoom } from './check/room.ts';
import { checkTechnique } from './check/technique.ts';
import { checkKept, checkUplinks } from './check/uplinks.ts';
import { viewOf } from './check/view.ts';
import type { Action, World } from './world.ts';

/** A rule that a plan breaks, and by what it does with which migration. */
export interface Breach {
  id: number;
  text: string;
}

/**
 * Verifies the actions of a plan against the rules, by other code than the one that made them. It shares with the
 * planner the types, the matching of priorities and the reading of deadlines, nothing that orders, counts or reserves.
 *
 * @returns one text for each broken rule; empty if the plan is right.
 */
export function checkPlan(world: World, actions: readonly Action[]): string[] {
  return breachesOf(world, actions).map(({ text }) => text);
}

/** The same, with the migration that breaks each rule. */
export function breachesOf(world: World, actions: readonly Action[]): Breach[] {
  const { policy } = world;
  const of = (id: number, texts: readonly string[]) => texts.map((text): Breach => ({ id, text }));
  const broken = [
    ...world.queue.flatMap((migration) => of(migration.id, checkAnswers(world, actions, migration))),
    ...checkKnown(world, actions),
  ];
  if (!policy || broken.length > 0) return broken;
  const view = viewOf(world, policy, actions);
  return [
    ...view.starts.flatMap((started) =>
      of(started.id, [
        ...checkTiming(world, policy, started),
        ...checkOrder(view, started),
        ...checkSerial(view, started),
        ...checkKept(view, started),
        ...checkCounts(world, policy, view, started),
        ...checkRoom(world, view, started),
        ...checkDestination(world, policy, view, started),
        ...checkTechnique(world, policy, started),
        ...checkReservation(world, policy, started.decision.priority, started, started.decision.reservation),
      ]),
    ),
    ...view.held.flatMap((waiting) =>
      of(waiting.id, [...checkIdle(world, policy, view, waiting), ...checkDeadlines(world, policy, view, waiting)]),
    ),
    ...view.refused.flatMap((refused) => of(refused.id, checkRefusal(world, policy, refused))),
    ...world.inFlight.flatMap((flying) => of(flying.id, checkOvertaken(world, view, flying, actions))),
    ...checkUplinks(world, policy, view, actions),
    ...actions.flatMap((action) => {
      const flying = world.inFlight.find(({ id }) => id === action.id);
      if (action.kind !== 'adjust' || !flying?.decision) return [];
      // What is left as it was needs no second permission: its host may have fallen silent since.
      const held = flying.decision.reservation;
      const news = (before: LinkReservation | null, after: LinkReservation | null) =>
        JSON.stringify(before) === JSON.stringify(after) ? null : after;
      const reservation = {
        sourceTx: news(held.sourceTx, action.reservation.sourceTx),
        destinationRx: news(held.destinationRx, action.reservation.destinationRx),
        streamBitsPerSecond: action.reservation.streamBitsPerSecond ?? null,
      };
      return of(flying.id, checkReservation(world, policy, flying.decision.priority, flying, reservation));
    }),
  ];
}
