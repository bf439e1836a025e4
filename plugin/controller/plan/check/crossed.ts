import { globMatches } from '../../../policy/glob.ts';
import type { Policy } from '../../../policy/schema.ts';
import type { World } from '../world.ts';

export interface Ends {
  id: number;
  source: string;
  destination: string | null;
  candidates?: readonly string[];
}

/** Says which uplinks a migration crosses, or may cross as long as its destination is not known. */
export type Crossed = (own: Ends) => readonly string[];

/** Asked of each pair of migrations: each is looked at once, and each host. */
export function crossedOf({ hosts }: World, { switches }: Policy): Crossed {
  const all = Object.entries(switches);
  if (all.length === 0) return () => [];
  const below = new Map<string, boolean[]>();
  const known = new Map<string, readonly string[]>();
  const belowOf = (host: string) => {
    const found = below.get(host) ?? all.map(([, { hosts: globs }]) => globs.some((glob) => globMatches(glob, host)));
    below.set(host, found);
    return found;
  };
  return (own) => {
    const { source, destination, candidates } = own;
    const key = `${own.id} ${source} ${destination} ${candidates?.length}`;
    const found = known.get(key);
    if (found) return found;
    const others = destination === null ? [...(candidates ?? hosts.keys())] : [destination];
    const [from, to] = [belowOf(source), others.filter((host) => host !== source).map(belowOf)];
    const names = all.flatMap(([name], at) =>
      to.every((each) => each[at] === from[at]) ? [] : [`${name} ${from[at] ? 'up' : 'down'}`],
    );
    known.set(key, names);
    return names;
  };
}
