import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drainOf } from '../../../../bot/targets/drain.ts';
import { nearestToGlob } from '../../../../bot/targets/nearest.ts';
import { isResolved, resolveTargets } from '../../../../bot/targets/resolve.ts';
import { server } from '../servers.ts';

const name = (pattern: string) => ({ pattern, isGlob: false });
const glob = (pattern: string) => ({ pattern, isGlob: true });

describe('which servers are meant', () => {
  const web1 = server('web-1');
  const web2 = server('web-2');
  const db = server('db');
  const all = [web1, web2, db];

  it('names, ids in any writing and globs, each server once and in the order they were named', () => {
    const { id } = web2;
    const written = [name('db'), name(id.toUpperCase()), name(id.replaceAll('-', '')), glob('web-*')];
    const resolution = resolveTargets(written, all);
    expect(resolution.servers.map((each) => each.name)).toEqual(['db', 'web-2', 'web-1']);
    expect(isResolved(resolution)).toBe(true);
  });

  it('a name that two servers have is a choice, with all that tells them apart', () => {
    const other = server('web-1', { projectId: 'p2', host: 'compute-2' });
    const resolution = resolveTargets([name('web-1'), name('db')], [...all, other]);
    expect(resolution.ambiguous).toEqual([{ written: 'web-1', choices: [web1, other] }]);
    expect(resolution.servers).toEqual([db]);
    expect(isResolved(resolution)).toBe(false);
  });

  it('an id that is the name of another server is a choice too', () => {
    const evil = server(web1.id);
    expect(resolveTargets([name(web1.id)], [...all, evil]).ambiguous[0]?.choices).toEqual([web1, evil]);
  });

  it('who adds the id of one of the same name has chosen', () => {
    const other = server('web-1');
    expect(resolveTargets([name('web-1'), name(other.id)], [...all, other])).toMatchObject({
      ambiguous: [],
      servers: [other],
    });
  });

  it('an unknown name comes with the nearest ones, a beginning of an id with the ids', () => {
    const unknown = (written: string) => resolveTargets([name(written)], all).unknown[0]?.nearest;
    expect(unknown('WEB-1')?.[0]).toBe('web-1');
    expect(unknown('wbe-1')?.[0]).toBe('web-1');
    expect(unknown('web')).toEqual(['web-1', 'web-2']);
    expect(unknown('elasticsearch')).toEqual([]);
    expect(unknown(web1.id.slice(0, 8))).toEqual(all.map(({ id }) => id));
  });

  it('a pattern in quotes is a name', () => {
    expect(resolveTargets([name('web-*')], all).unknown).toHaveLength(1);
  });

  it('a glob that matches nothing, and more servers than one ask may have, are told', () => {
    expect(resolveTargets([glob('cache-*')], all)).toMatchObject({ empty: ['cache-*'], servers: [] });
    expect(resolveTargets([glob('*-*')], all, 1).tooMany).toEqual({ count: 2, most: 1 });
  });

  it('never gives a server that was not meant, and takes little time for any pattern', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '-'), minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), fc.array(word, { maxLength: 8 }), (names, patterns) => {
        const servers = names.map((each) => server(each));
        const resolution = resolveTargets(patterns.map(name), servers);
        for (const { name: given } of resolution.servers) expect(patterns).toContain(given);
      }),
    );
  });
});

describe('a drain', () => {
  const there = server('a', { host: 'compute-3' });
  const off = server('b', { host: 'compute-3', status: 'SHUTOFF' });
  const elsewhere = server('c', { host: 'compute-2' });

  it('moves what Nova migrates live, and says what stays', () => {
    const drain = drainOf('compute-3', [there, off, elsewhere], ['compute-2', 'compute-3']);
    expect(drain).toMatchObject({ unknown: null, servers: [there], staying: [{ server: off }] });
  });

  it('an empty host is known, another one is not and comes with the nearest', () => {
    expect(drainOf('compute-4', [there], ['compute-3', 'compute-4'])).toMatchObject({ unknown: null, servers: [] });
    expect(drainOf('compute3', [there], ['compute-3', 'compute-4']).unknown?.nearest[0]).toBe('compute-3');
  });
});

it('a glob that nothing matches has the names that begin nearly so', () => {
  expect(nearestToGlob('mv-*', ['vm-2', 'vm-1', 'db'])).toEqual(['vm-1', 'vm-2']);
  expect(nearestToGlob('Web-*', ['web-1', 'db'])).toEqual(['web-1']);
  expect(nearestToGlob('queue-*', ['web-1', 'db'])).toEqual([]);
  expect(nearestToGlob('??', ['web-1', 'db'])).toEqual([]);
});
