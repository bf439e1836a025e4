import { type Finding, fail, ok, warn } from '../finding.ts';

export interface NicFacts {
  nic: string;
  /** Null: there is no such interface. */
  link: { up: boolean; carrier: boolean; master: { name: string; kind: string } | null } | null;
  /** Mbit/s, as the kernel tells it; null: it does not know. */
  knownMegabits: number | null;
  configuredMegabits: number | null;
  shapeFraction: number;
  controlMegabits: number;
}

/** Kinds whose members share one address: what leaves is chosen above them, so classes belong there. */
const AGGREGATES = ['bond', 'team'];

export function judgeNic(facts: NicFacts): Finding[] {
  const { nic, link } = facts;
  if (link === null) {
    return [
      fail('nic.exists', `there is no interface ${JSON.stringify(nic)}`, 'Set "nic" to one that `ip link` shows.'),
    ];
  }
  return [judgeMaster(nic, link.master), judgeState(nic, link), judgeSpeed(facts)];
}

function judgeMaster(nic: string, master: { name: string; kind: string } | null): Finding {
  if (master !== null && AGGREGATES.includes(master.kind)) {
    return fail(
      'nic.exists',
      `${nic} is a member of the ${master.kind} ${master.name}: it carries a part of the traffic only`,
      `Set "nic" to ${master.name}.`,
    );
  }
  return ok(
    'nic.exists',
    master === null ? nic : `${nic}, a port of ${master.name} (${master.kind || 'unknown kind'})`,
  );
}

function judgeState(nic: string, { up, carrier }: { up: boolean; carrier: boolean }): Finding {
  if (!up) return fail('nic.up', `${nic} is down`, `ip link set dev ${nic} up`);
  if (!carrier) return fail('nic.up', `${nic} is up and has no carrier`, 'Look at the cable and the switch port.');
  return ok('nic.up', 'up, with a carrier');
}

function judgeSpeed(facts: NicFacts): Finding {
  const { nic, knownMegabits, configuredMegabits, shapeFraction, controlMegabits } = facts;
  const megabits = configuredMegabits ?? knownMegabits;
  if (megabits === null) {
    return fail('nic.speed', `${nic} does not tell its speed`, 'Set linkMegabitsPerSecond to it.');
  }
  if (megabits * shapeFraction <= controlMegabits) {
    return fail(
      'nic.speed',
      `controlMegabitsPerSecond (${controlMegabits}) leaves nothing of ${megabits} Mbit/s`,
      'Lower controlMegabitsPerSecond.',
    );
  }
  if (knownMegabits !== null && megabits > knownMegabits) {
    return warn(
      'nic.speed',
      `linkMegabitsPerSecond is ${megabits}, ${nic} says ${knownMegabits}: classes would not hold`,
      'Take linkMegabitsPerSecond away, or set it to what the link really carries.',
    );
  }
  return ok('nic.speed', `${megabits} Mbit/s, ${configuredMegabits === null ? 'as the NIC says' : 'as configured'}`);
}
