import { describe, expect, it } from 'vitest';
import { factsOf } from '../../../../plugin/controller/plan/facts.ts';
import { readFacts, writeFacts } from '../../../../plugin/controller/store/facts.ts';
import { host, queued, vm, world } from '../plan/worlds.ts';

/** Of a server whose destination Drover chooses among so many hosts. */
function facts(candidates: number) {
  const names = Array.from({ length: candidates }, (_, at) => `compute-${at + 2}`);
  const hosts = Object.fromEntries(names.map((name, at) => [name, host(name, { vms: [vm(at + 2)], tx: 1e6 * at })]));
  const migration = queued(1, { destination: null, candidates: names });
  return factsOf(world({ queue: [migration], hosts: { 'compute-1': host('compute-1'), ...hosts } }), migration);
}

describe('What a decision was made from', () => {
  it.each([1, 72])('is read as it was written, with %d candidates', (candidates) => {
    const written = facts(candidates);
    expect(Object.keys(written.hosts)).toHaveLength(1 + candidates);
    expect(readFacts(writeFacts(written))).toEqual(JSON.parse(JSON.stringify(written)));
  });

  it('of many hosts takes a fifth of its JSON', () => {
    const written = facts(72);
    expect(writeFacts(written).length).toBeLessThan(JSON.stringify(written).length / 5);
  });

  it('that was written as JSON before is read, too', () => {
    const written = facts(72);
    expect(readFacts(JSON.stringify(written))).toEqual(JSON.parse(JSON.stringify(written)));
  });

  it.each(['', 'deflate:', 'deflate:AAAA', '{}'])('is not made up from %j', (text) => {
    expect(() => readFacts(text)).toThrow();
  });
});
