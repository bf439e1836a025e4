import type { LinkReservation } from 'drover-hostd/contract';
import { accountFor } from './check/account.ts';
import { checkCounts } from './check/counts.ts';
import { checkDeadlines, checkRefusal } from './check/deadlines.ts';
import { checkIdle, checkOrder, checkSerial, checkTiming } from './check/order.ts';
import { checkOvertaken } from './check/overtaken.ts';
import { checkReservation } from './check/reservation.ts';
import { checkTechnique } from './check/technique.ts';
import { viewOf } from './check/view.ts';
import type { Action, World } from './world.ts';

/**
 * Verifies the actions of a plan against the rules, by other code than the one that made them. It shares with the
 * planner the types, the matching of priorities and the reading of deadlines, nothing that orders, counts or reserves.
 *
 * @returns one text for each broken rule; empty if the plan is right.
 */
export function checkPlan(world: World, actions: readonly Action[]): string[] {
  const { policy } = world;
  const broken = accountFor(world, actions);
  if (!policy || broken.length > 0) return broken;
  const view = viewOf(world, policy, actions);
  return [
    ...view.starts.flatMap((started) => [
      ...checkTiming(world, policy, started),
      ...checkOrder(view, started),
      ...checkSerial(view, started),
      ...checkCounts(world, policy, view, started),
      ...checkTechnique(world, policy, started),
      ...checkReservation(world, policy, started.decision.priority, started, started.decision.reservation),
    ]),
    ...view.held.flatMap((waiting) => checkIdle(world, policy, view, waiting)),
    ...view.held.flatMap((waiting) => checkDeadlines(world, policy, view, waiting)),
    ...view.refused.flatMap((refused) => checkRefusal(world, policy, refused)),
    ...world.inFlight.flatMap((flying) => checkOvertaken(world, view, flying, actions)),
    ...actions.flatMap((action) => {
      const flying = world.inFlight.find(({ id }) => id === action.id);
      if (action.kind !== 'adjust' || !flying?.decision) return [];
      // What is left as it was needs no second permission: its host may have fallen silent since.
      const held = flying.decision.reservation;
      const news = (before: LinkReservation | null, after: LinkReservation | null) =>
        JSON.stringify(before) === JSON.stringify(after) ? null : after;
      return checkReservation(world, policy, flying.decision.priority, flying, {
        sourceTx: news(held.sourceTx, action.reservation.sourceTx),
        destinationRx: news(held.destinationRx, action.reservation.destinationRx),
      });
    }),
  ];
}
