import { globMatches } from './glob.ts';
import type { Switches } from './schema/switches.ts';

/** One direction of a switch's uplink: `up` leaves what is below it, `down` comes there. */
export interface Uplink {
  /** Its place in `uplinksOf`. */
  number: number;
  /** `rack-1 up` */
  key: string;
  switchName: string;
  direction: 'up' | 'down';
  /** What all migrations together may take of it. */
  bitsPerSecond: number;
}

interface Known {
  uplinks: Uplink[];
  below: Map<string, ReadonlySet<string>>;
}

const known = new WeakMap<Switches, Known>();

/** All of them, by the names of their switches. */
export function uplinksOf(switches: Switches): readonly Uplink[] {
  return about(switches).uplinks;
}

/**
 * The uplinks between a host and another, or all that it may cross where the other is yet to be chosen among several.
 *
 * With `rack-1: { hosts: [a*] }`, `rack-2: { hosts: [b*] }` and `row-1: { hosts: [a*, b*] }` above both:
 *
 * | from | to      | crosses                        |
 * |------|---------|--------------------------------|
 * | a1   | a2      | none                           |
 * | a1   | b1      | rack-1 up, rack-2 down         |
 * | a1   | c1      | rack-1 up, row-1 up            |
 * | a1   | a2 or b1 | rack-1 up, rack-2 down        |
 */
export function uplinksBetween(switches: Switches, source: string, destinations: readonly string[]): Uplink[] {
  const { uplinks, below } = about(switches);
  const [from, to] = [belowOf(source), destinations.map(belowOf)];
  return uplinks.filter(({ switchName, direction }) => {
    const isFromBelow = from.has(switchName);
    if (isFromBelow !== (direction === 'up')) return false;
    return to.some((each) => each.has(switchName) !== isFromBelow);
  });

  /** Each name is matched once: globs would be asked for every pair of hosts in every round. */
  function belowOf(host: string): ReadonlySet<string> {
    const found = below.get(host);
    if (found) return found;
    const names = Object.entries(switches).filter(([, { hosts }]) => hosts.some((glob) => globMatches(glob, host)));
    const own = new Set(names.map(([name]) => name));
    below.set(host, own);
    return own;
  }
}

function about(switches: Switches): Known {
  const found = known.get(switches);
  if (found) return found;
  const names = Object.keys(switches).sort();
  const uplinks = names.flatMap((switchName) =>
    (['up', 'down'] as const).map((direction, at): Uplink => {
      const bitsPerSecond = switches[switchName]?.migrationBitsPerSecond ?? 0;
      return {
        number: 2 * names.indexOf(switchName) + at,
        key: `${switchName} ${direction}`,
        switchName,
        direction,
        bitsPerSecond,
      };
    }),
  );
  const own = { uplinks, below: new Map<string, ReadonlySet<string>>() };
  known.set(switches, own);
  return own;
}
