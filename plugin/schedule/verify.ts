import type { Instance, Schedule } from './instance.ts';

interface Change {
  atSeconds: number;
  amount: number;
}

const TOLERANCE = 1e-6;

/**
 * Checks a schedule against its instance, by other code than made it: nothing is taken from the flat arrays, every rule
 * is read from the instance itself by sweeping over all starts and ends. Returns one text for each rule that is broken.
 */
export function verify(instance: Instance, schedule: Schedule): string[] {
  const { moves, hosts } = instance;
  const broken: string[] = [];
  if (schedule.starts.length !== moves.length) return [`${moves.length} moves, but ${schedule.starts.length} starts`];
  const name = (index: number) => `VM ${moves[index]?.vm}`;
  const startOf = (index: number) => schedule.starts[index] ?? Number.POSITIVE_INFINITY;
  const endOf = (index: number) => startOf(index) + (moves[index]?.durationSeconds ?? 0);

  moves.forEach((move, index) => {
    const start = startOf(index);
    const boot = hosts[move.to]?.bootSeconds ?? 0;
    if (!Number.isFinite(start)) broken.push(`${name(index)} never starts`);
    if (start < (move.releaseSeconds ?? 0) - TOLERANCE) broken.push(`${name(index)} starts before its release`);
    if (start < boot - TOLERANCE) broken.push(`${name(index)} arrives before ${hosts[move.to]?.name} has booted`);
    for (const before of move.after ?? []) {
      if (start < endOf(before) - TOLERANCE) broken.push(`${name(index)} starts before ${name(before)} has ended`);
    }
  });

  instance.links.forEach((link, index) => {
    const changes = moves.flatMap((move, m): Change[] => {
      const amount = move.uses.reduce((sum, use) => (use.link === index ? sum + use.amount : sum), 0);
      return amount > 0 ? span(startOf(m), endOf(m), amount) : [];
    });
    const peak = highest(changes);
    if (peak.amount > link.capacity * (1 + TOLERANCE)) {
      broken.push(`${link.name} carries ${peak.amount} of ${link.capacity} at ${peak.atSeconds} s`);
    }
  });

  for (const group of new Set(moves.map(({ serialGroup }) => serialGroup))) {
    if (group === undefined) continue;
    const changes = moves.flatMap((move, m) => (move.serialGroup === group ? span(startOf(m), endOf(m), 1) : []));
    if (highest(changes).amount > 1) broken.push(`serial group ${group}: two run at ${highest(changes).atSeconds} s`);
  }

  hosts.forEach((host, index) => {
    instance.resources.forEach((resource, r) => {
      const changes = moves.flatMap((move, m): Change[] => [
        ...(move.to === index ? [{ atSeconds: startOf(m), amount: move.demand[r] ?? 0 }] : []),
        ...(move.from === index ? [{ atSeconds: endOf(m), amount: -(move.demand[r] ?? 0) }] : []),
      ]);
      const used = host.used[r] ?? 0;
      const capacity = host.capacity[r] ?? Number.POSITIVE_INFINITY;
      // A host that holds too much from the beginning may go on doing so, but nothing may arrive while it does.
      const peak = highest(changes);
      if (used + peak.amount > capacity + TOLERANCE) {
        broken.push(`${host.name}: ${resource} ${used + peak.amount} of ${capacity} at ${peak.atSeconds} s`);
      }
    });
  });

  const ends = moves.map((move, index) => endOf(index) + (hosts[move.from]?.shutdownSeconds ?? 0));
  const leftBy = new Set(moves.map(({ from }) => from));
  const idle = hosts.filter((host, index) => host.shutdownSeconds !== null && !leftBy.has(index));
  const last = Math.max(0, ...ends, ...idle.map((host) => host.shutdownSeconds ?? 0));
  if (Math.abs(last - schedule.makespanSeconds) > TOLERANCE) {
    broken.push(`the makespan is ${last} s, not ${schedule.makespanSeconds} s`);
  }
  return broken;
}

function span(start: number, end: number, amount: number): Change[] {
  return [
    { atSeconds: start, amount },
    { atSeconds: end, amount: -amount },
  ];
}

/** The highest sum that something added reached, and when; what ends at a time is gone when the next begins. */
function highest(changes: readonly Change[]): Change {
  const inOrder = [...changes].sort((a, b) => a.atSeconds - b.atSeconds || a.amount - b.amount);
  let now = 0;
  let peak: Change = { atSeconds: 0, amount: Number.NEGATIVE_INFINITY };
  for (const { atSeconds, amount } of inOrder) {
    now += amount;
    if (amount > 0 && now > peak.amount) peak = { atSeconds, amount: now };
  }
  return peak;
}
