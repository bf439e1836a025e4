import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzyClusterOf, fuzzyCMeans, type TrafficPoint } from '../../../plugin/tracker/cluster.ts';

const PARAMETERS = { fuzzifier: 2, tolerance: 1e-6, maxIterations: 200 };
const IDLE = 0.01;

const CALM = [0, 0.001, 0.002, 0.004].map((tx) => ({ tx, rx: 0.004 - tx }));
const RECEIVE = [0.5, 0.52, 0.55, 0.6].map((rx) => ({ tx: 0.05, rx }));
const SEND = [0.4, 0.45, 0.5].map((tx) => ({ tx, rx: 0.02 }));
const points = [...CALM, ...RECEIVE, ...SEND];

describe('fuzzyCMeans', () => {
  it('finds the three groups of points that lie apart', () => {
    const { centroids, memberships, iterations } = fuzzyCMeans(points, PARAMETERS);
    expect(centroids).toHaveLength(3);
    const home = memberships.map((row) => row.indexOf(Math.max(...row)));
    expect(new Set(home.slice(0, 4)).size).toBe(1);
    expect(new Set(home.slice(4, 8)).size).toBe(1);
    expect(new Set(home.slice(8)).size).toBe(1);
    expect(new Set(home).size).toBe(3);
    expect(iterations).toBeLessThan(PARAMETERS.maxIterations);
  });

  it('computes the memberships of the formula', () => {
    const { centroids, memberships } = fuzzyCMeans(points, PARAMETERS);
    const [point, row] = [points[5] as TrafficPoint, memberships[5] ?? []];
    const distance = ({ tx, rx }: TrafficPoint) => Math.hypot(tx - point.tx, rx - point.rx);
    row.forEach((membership, j) => {
      const d = distance(centroids[j] as TrafficPoint);
      const sum = centroids.reduce((total, other) => total + (d / distance(other)) ** (2 / (2 - 1)), 0);
      expect(membership).toBeCloseTo(1 / sum, 4);
    });
  });

  it('stops at the most iterations, or when nothing moves any more', () => {
    expect(fuzzyCMeans(points, { ...PARAMETERS, maxIterations: 2 }).iterations).toBe(2);
    expect(fuzzyCMeans(points, { ...PARAMETERS, tolerance: 0.5 }).iterations).toBeLessThan(5);
  });

  it('makes fewer clusters of fewer different points', () => {
    expect(fuzzyCMeans([], PARAMETERS).centroids).toEqual([]);
    expect(
      fuzzyCMeans(
        [
          { tx: 0.1, rx: 0.2 },
          { tx: 0.1, rx: 0.2 },
        ],
        PARAMETERS,
      ),
    ).toMatchObject({
      centroids: [{ tx: 0.1, rx: 0.2 }],
      memberships: [[1], [1]],
    });
  });

  it('gives memberships that add up to 1, and the same ones in whatever order the points come', () => {
    const rate = fc.double({ min: 0, max: 1.2, noNaN: true });
    const cloud = fc.array(fc.record({ tx: rate, rx: rate }), { minLength: 1, maxLength: 25 });
    fc.assert(
      fc.property(cloud, fc.double({ min: 1.1, max: 4, noNaN: true }), (some, fuzzifier) => {
        const parameters = { ...PARAMETERS, fuzzifier, maxIterations: 30 };
        const { memberships } = fuzzyCMeans(some, parameters);
        for (const row of memberships) expect(row.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 9);
        const turned = fuzzyCMeans([...some].reverse(), parameters).memberships.toReversed();
        expect(turned).toEqual(memberships);
      }),
      { numRuns: 200 },
    );
  });
});

describe('fuzzyClusterOf', () => {
  it('names the groups by their centroids', () => {
    const names = points.map((_, index) => fuzzyClusterOf(points, index, IDLE, PARAMETERS).cluster);
    expect(names).toEqual([...Array(4).fill('idle'), ...Array(4).fill('inbound'), ...Array(3).fill('outbound')]);
  });

  it('adds up what is divided between centroids of one name: where all receive, all are inbound', () => {
    for (const [index] of RECEIVE.entries()) {
      const { cluster, membership } = fuzzyClusterOf(RECEIVE, index, IDLE, PARAMETERS);
      expect(cluster).toBe('inbound');
      expect(membership).toBeCloseTo(1, 9);
    }
  });

  it('counts one VM alone as the threshold does', () => {
    expect(fuzzyClusterOf([{ tx: 0.009, rx: 0.009 }], 0, IDLE, PARAMETERS).cluster).toBe('idle');
    expect(fuzzyClusterOf([{ tx: 0.2, rx: 0.2 }], 0, IDLE, PARAMETERS).cluster).toBe('outbound');
    expect(() => fuzzyClusterOf([], 0, IDLE, PARAMETERS)).toThrow(RangeError);
  });
});
