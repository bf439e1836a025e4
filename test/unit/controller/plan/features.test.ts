import { describe, expect, it } from 'vitest';
import { featuresOf } from '../../../../plugin/controller/plan/features.ts';
import { host, NOW, queued, seedPolicy, vm } from './worlds.ts';

const policy = seedPolicy();
const NOTHING = { sourceTx: null, destinationRx: null };
const GIBIBYTE = 2 ** 30;

interface Given {
  vm?: Parameters<typeof vm>[1];
  source?: NonNullable<Parameters<typeof host>[1]>['info'];
  memoryBytes?: number;
}

function featuresIn({ vm: change = {}, source = {}, memoryBytes = GIBIBYTE }: Given) {
  const migration = queued(1, { server: { ...queued(1).server, memoryBytes } });
  const hosts = new Map([
    ['compute-1', host('compute-1', { vms: [vm(1, change)], info: source })],
    ['compute-2', host('compute-2')],
  ]);
  const world = { nowMs: NOW, policy, queue: [migration], inFlight: [], hosts, previousContention: new Map() };
  return featuresOf(world, policy, migration, NOTHING)?.features;
}

describe('features of a migration', () => {
  it("has Nova's timeout from nova.conf of the source and the flavor's memory", () => {
    const novaTimeout = { secondsPerGibibyte: 10, action: 'abort' as const };
    expect(featuresIn({ source: { novaTimeout }, memoryBytes: 3 * GIBIBYTE })).toMatchObject({
      timeoutMs: 30_000,
      timeoutAction: 'abort',
    });
    expect(featuresIn({ source: { novaTimeout: { ...novaTimeout, secondsPerGibibyte: 0 } } })?.timeoutMs).toBeNull();
  });

  it('a force_complete is a switch where post-copy is permitted, else a pause', () => {
    const novaTimeout = { secondsPerGibibyte: 10, action: 'force_complete' as const };
    const action = (given: Given) => featuresIn(given)?.timeoutAction;
    expect(action({ source: { novaTimeout } })).toBe('post-copy');
    expect(action({ source: { novaTimeout, postCopy: { permitted: false, reason: '' } } })).toBe('pause');
    expect(action({ source: { novaTimeout }, vm: { postCopyBlockers: ['a VFIO device is attached'] } })).toBe('pause');
  });

  it('no more is in use than the memory, and no more than is resident', () => {
    const used = (residentBytes: number | null) =>
      featuresIn({ vm: { memoryBytes: GIBIBYTE, residentBytes } })?.usedBytes;
    expect(used(300e6)).toBe(300e6);
    expect(used(2 * GIBIBYTE)).toBe(GIBIBYTE);
    expect(used(null)).toBeNull();
  });
});
