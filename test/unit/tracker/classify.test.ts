import { describe, expect, it } from 'vitest';
import { type ClassifyInput, classify, contentionLevel } from '../../../plugin/tracker/classify.ts';
import { host, seedPolicy } from '../controller/plan/worlds.ts';

const policy = seedPolicy();
const M = 1e6;

function measured(name: string, tx: number, rx: number) {
  const { info, sample } = host(name, { tx: tx * M, rx: rx * M });
  if (!info || !sample) throw new Error('a measured host has both');
  return { info, sample };
}

function input(change: Partial<ClassifyInput> = {}): ClassifyInput {
  return {
    policy,
    source: measured('compute-1', 100, 50),
    destinations: [measured('compute-2', 50, 150)],
    destinationKnown: true,
    vm: { txBitsPerSecond: 0, rxBitsPerSecond: 0 },
    vmsOfSource: [],
    previous: { sourceTx: null, destinationRx: () => null },
    ...change,
  };
}

describe('classify', () => {
  it('takes the busier of source tx and destination rx, and neither of the other two directions', () => {
    const source = measured('compute-1', 100, 499);
    const destinations = [measured('compute-2', 499, 150)];
    const { classification } = classify(input({ source, destinations }));
    expect(classification).toEqual({ utilisation: 0.3, contention: 'low', scenario: 'in-out', cluster: 'idle' });
  });

  it.each([
    [[10, 20], [10, 20], 'in-in'],
    [[10, 20], [20, 10], 'in-out'],
    [[20, 10], [10, 20], 'out-in'],
    [[20, 10], [20, 10], 'out-out'],
    [[10, 10], [10, 10], 'out-out'],
  ] as const)('source tx, rx %j and destination %j Mbit/s: scenario %s', (s, d, scenario) => {
    const hosts = { source: measured('compute-1', s[0], s[1]), destinations: [measured('compute-2', d[0], d[1])] };
    expect(classify(input(hosts)).classification.scenario).toBe(scenario);
  });

  // 1 % of the link of 500 Mbit/s is 5 Mbit/s.
  it.each([
    [4.9, 4.9, 'idle'],
    [5, 0, 'outbound'],
    [0, 5, 'inbound'],
    [300, 300.1, 'inbound'],
    [300.1, 300, 'outbound'],
    [300, 300, 'outbound'],
  ])('a VM that sends %d and receives %d Mbit/s is %s', (tx, rx, cluster) => {
    const vm = { txBitsPerSecond: tx * M, rxBitsPerSecond: rx * M };
    expect(classify(input({ vm })).classification.cluster).toBe(cluster);
  });

  it('judges by the busiest candidate while the destination is not known, and says so', () => {
    const destinations = [measured('compute-2', 0, 10), measured('compute-3', 0, 360), measured('compute-4', 0, 200)];
    const { classification, reasons } = classify(input({ destinations, destinationKnown: false }));
    expect(classification).toMatchObject({ utilisation: 0.72, contention: 'high', scenario: 'out-in' });
    expect(reasons[0]).toMatchObject({ code: 'destination-unknown', text: expect.stringContaining('compute-3') });
  });

  it('keeps a level inside the hysteresis on either link', () => {
    const source = measured('compute-1', 180, 0);
    const before = { sourceTx: 'moderate' as const, destinationRx: () => null };
    expect(classify(input({ source })).classification.contention).toBe('low');
    expect(classify(input({ source, previous: before })).classification.contention).toBe('moderate');
    const destinations = [measured('compute-2', 0, 330)];
    const after = {
      sourceTx: null,
      destinationRx: (name: string) => (name === 'compute-2' ? ('high' as const) : null),
    };
    expect(classify(input({ destinations })).classification.contention).toBe('moderate');
    expect(classify(input({ destinations, previous: after })).classification.contention).toBe('high');
  });
});

describe('contentionLevel', () => {
  // Thresholds 40 % and 70 %, 5 points of hysteresis.
  it.each([
    [0, null, 'low'],
    [0.399, null, 'low'],
    [0.4, null, 'moderate'],
    [0.699, null, 'moderate'],
    [0.7, null, 'high'],
    [1.3, null, 'high'],
    [0.36, 'moderate', 'moderate'],
    [0.349, 'moderate', 'low'],
    [0.66, 'high', 'high'],
    [0.649, 'high', 'moderate'],
    [0.36, 'high', 'moderate'],
    [0.349, 'high', 'low'],
    [0.66, 'moderate', 'moderate'],
    [0.7, 'low', 'high'],
  ] as const)('at %d after %s: %s', (use, previous, level) => {
    expect(contentionLevel(policy.contention, use, previous)).toBe(level);
  });
});
