import { type Amount, amountOn } from '../policy/units.ts';
import { megabits } from './figures.ts';
import { linkOf, type Scene } from './scene.ts';

interface Traffic {
  sends?: Amount | undefined;
  receives?: Amount | undefined;
}

/**
 * What is given in a scene and cannot be measured: more traffic than the link carries. It is decided all the same (a
 * utilisation above 100 % is high contention), but who writes `3 Gbit` on an ordinary link mostly forgot the link.
 */
export function doubtsOf({ vm, others, source, destination }: Scene): string[] {
  const ends: [string, Traffic, Scene['source'], string][] = [
    ['vm', vm, source, 'source'],
    ...others.map((other, index): [string, Traffic, Scene['source'], string] => [
      `others[${index}]`,
      other,
      source,
      'source',
    ]),
    ['source', source, source, 'source'],
    ['destination', destination, destination, 'destination'],
  ];
  return ends.flatMap(([path, traffic, host, end]) =>
    (['sends', 'receives'] as const).flatMap((way) => {
      const link = linkOf(host);
      const given = traffic[way];
      const bits = given ? amountOn(given, link) : 0;
      if (bits <= link) return [];
      return `${path}.${way}: ${megabits(bits)} is more than the link of the ${end} carries (${megabits(link)}): give its rate as link, or less traffic`;
    }),
  );
}
