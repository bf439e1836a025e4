import { describe, expect, it } from 'vitest';
import { uplinksBetween, uplinksOf } from '../../../plugin/policy/uplinks.ts';

const on = (...hosts: string[]) => ({ hosts, capacityBitsPerSecond: 10e9, migrationBitsPerSecond: 4e9 });
const switches = { 'row-1': on('a*', 'b*'), 'rack-1': on('a*'), 'rack-2': on('b*') };

describe('uplinksBetween', () => {
  it.each([
    ['a1', ['a2'], []],
    ['a1', ['b1'], ['rack-1 up', 'rack-2 down']],
    ['a1', ['c1'], ['rack-1 up', 'row-1 up']],
    ['c1', ['a1'], ['rack-1 down', 'row-1 down']],
    ['c1', ['d1'], []],
    // Not chosen yet: all that it may cross.
    ['a1', ['a2', 'b1'], ['rack-1 up', 'rack-2 down']],
    ['c1', ['a1', 'b1'], ['rack-1 down', 'rack-2 down', 'row-1 down']],
    ['a1', [], []],
  ])('from %s to %j are %j', (source, destinations, keys) => {
    expect(uplinksBetween(switches, source, destinations).map(({ key }) => key)).toEqual(keys);
  });

  it('are the same in whatever order the switches stand', () => {
    const turned = Object.fromEntries(Object.entries(switches).reverse());
    expect(uplinksOf(turned)).toEqual(uplinksOf(switches));
  });
});
