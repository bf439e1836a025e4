import { planSchedule } from './plan.ts';
import type { LivePlan, LiveWorld } from './world.ts';

/**
 * The plan in which nobody waits for room that nothing frees: two full hosts that want to exchange guests, or one that is
 * too small. Such are planned as if they needed none, since Nova has to say what becomes of them.
 */
export function planWithRoom(
  given: LiveWorld,
  rounds: number,
): { live: LiveWorld; plan: LivePlan; roomless: ReadonlySet<number> } {
  const roomless = new Set<number>();
  let live = given;
  let isSettled = given.hosts.every(({ free }) => free === null);
  for (;;) {
    const plan = planSchedule(live, { rounds: isSettled ? rounds : 0 });
    if (plan.short.length === 0 && isSettled) return { live, plan, roomless };
    isSettled = plan.short.length === 0;
    for (const id of plan.short) roomless.add(id);
    const migrations = live.migrations.map((own) => (roomless.has(own.id) ? { ...own, needs: {} } : own));
    live = { ...live, migrations };
  }
}
