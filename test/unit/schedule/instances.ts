import fc from 'fast-check';
import type { Host, Instance, Link, Move } from '../../../plugin/schedule/instance.ts';

/** Small whole numbers, so that every schedule worth looking at has whole start times. */
const drawn = fc.record({
  hosts: fc.array(
    fc.record({
      up: fc.constantFrom(1, 2, 3, Number.POSITIVE_INFINITY),
      down: fc.constantFrom(1, 2, 3),
      slack: fc.integer({ min: 0, max: 3 }),
      bootSeconds: fc.constantFrom(0, 0, 2),
      shutdownSeconds: fc.constantFrom(null, null, 1, 3),
    }),
    { minLength: 2, maxLength: 4 },
  ),
  core: fc.constantFrom(2, 3, Number.POSITIVE_INFINITY),
  moves: fc.array(
    fc.record({
      from: fc.nat(3),
      step: fc.integer({ min: 1, max: 3 }),
      durationSeconds: fc.integer({ min: 1, max: 3 }),
      memory: fc.integer({ min: 0, max: 2 }),
      releaseSeconds: fc.constantFrom(0, 0, 0, 1, 4),
      serialGroup: fc.constantFrom(null, null, null, 'a', 'b'),
      after: fc.constantFrom(null, null, null, 0, 1),
    }),
    { minLength: 1, maxLength: 8 },
  ),
});

/** Random instances: NICs of both directions, a core that blocks, memory, boots, shutdowns, groups, order, release. */
export const instances: fc.Arbitrary<Instance> = drawn.map(({ hosts, core, moves }) => {
  const links: Link[] = [{ name: 'core', capacity: core }];
  for (const [index, { up, down }] of hosts.entries()) {
    links.push({ name: `${index} up`, capacity: up }, { name: `${index} down`, capacity: down });
  }
  const made = moves.map((move, index): Move => {
    const from = move.from % hosts.length;
    const to = (from + 1 + ((move.step - 1) % (hosts.length - 1))) % hosts.length;
    const path = [1 + 2 * from, 0, 2 + 2 * to];
    const mbitPerSecond = Math.min(...path.map((link) => links[link]?.capacity ?? 0));
    return {
      vm: 100 + index,
      from,
      to,
      mbitPerSecond,
      durationSeconds: move.durationSeconds,
      uses: path.map((link) => ({ link, amount: mbitPerSecond })),
      demand: [move.memory],
      releaseSeconds: move.releaseSeconds,
      ...(move.serialGroup === null ? {} : { serialGroup: move.serialGroup }),
      ...(move.after === null || move.after >= index ? {} : { after: [move.after] }),
    };
  });
  const sum = (among: Move[]) => among.reduce((total, { demand }) => total + (demand[0] ?? 0), 0);
  return {
    resources: ['mem'],
    links,
    moves: made,
    hosts: hosts.map(({ slack, bootSeconds, shutdownSeconds }, index): Host => {
      const leaving = sum(made.filter(({ from }) => from === index));
      const arriving = sum(made.filter(({ to }) => to === index));
      // Just enough for what is there at the beginning and at the end: room is often scarce between.
      const capacity = [Math.max(leaving, arriving) + slack];
      return { name: `host ${index}`, capacity, used: [leaving], bootSeconds, shutdownSeconds };
    }),
  };
});
