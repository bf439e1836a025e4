import type { Cluster } from '../contract.ts';

/** A VM's traffic as shares of its host's link, 0 and above. */
export interface TrafficPoint {
  tx: number;
  rx: number;
}

export interface FuzzyParameters {
  /** m, above 1: how soft the borders are; 2 is usual. */
  fuzzifier: number;
  /** Ends when no membership moves by more than this, 0-1. */
  tolerance: number;
  maxIterations: number;
}

export interface FuzzyClusters {
  centroids: TrafficPoint[];
  /** Of each point in each cluster, 0-1; the sum over the clusters is 1. */
  memberships: number[][];
  iterations: number;
}

/** Inbound, outbound, idle. */
const CLUSTERS = 3;

/**
 * Fuzzy c-means over (tx, rx), as Cui et al. (2020) sort VMs by their traffic; the method is Bezdek's (1981): with
 * distances d to k centroids, u_j = 1 / Σ_i (d_j / d_i)^(2 / (m - 1)), and each centroid is the mean of all points
 * weighted by u^m. The first centroids are the calmest point, the most receiving and the most sending one, so the same
 * points give the same clusters in whatever order they come. There are fewer clusters than three where fewer points
 * differ.
 */
export function fuzzyCMeans(given: readonly TrafficPoint[], parameters: FuzzyParameters): FuzzyClusters {
  // Sums of floats depend on the order of their terms, and the iteration makes much of little.
  const order = given.map((_, index) => index).sort((a, b) => compare(given[a], given[b]));
  const points = order.flatMap((index) => given[index] ?? []);
  let centroids = firstCentroids(points);
  let memberships = points.map((point) => membershipOf(point, centroids, parameters.fuzzifier));
  let iterations = 0;
  while (iterations < parameters.maxIterations) {
    iterations++;
    centroids = centroids.map((old, index) => weightedMean(points, memberships, index, parameters.fuzzifier) ?? old);
    const next = points.map((point) => membershipOf(point, centroids, parameters.fuzzifier));
    const moved = largestMove(memberships, next);
    memberships = next;
    if (moved <= parameters.tolerance) break;
  }
  const inGivenOrder: number[][] = [];
  for (const [place, index] of order.entries()) inGivenOrder[index] = memberships[place] ?? [];
  return { centroids, memberships: inGivenOrder, iterations };
}

function compare(a: TrafficPoint | undefined, b: TrafficPoint | undefined): number {
  return a && b ? a.tx - b.tx || a.rx - b.rx : 0;
}

/**
 * The cluster of one of the points: each centroid is named by its own traffic (idle below `idleShare` both ways, else
 * inbound or outbound by its larger rate), the memberships in centroids of the same name are added, the largest sum
 * counts.
 *
 * @returns the name and its membership, 0-1.
 */
export function fuzzyClusterOf(
  points: readonly TrafficPoint[],
  point: number,
  idleShare: number,
  parameters: FuzzyParameters,
): { cluster: Cluster; membership: number } {
  const { centroids, memberships } = fuzzyCMeans(points, parameters);
  const own = memberships[point];
  if (!own) throw new RangeError(`there is no point ${point} among ${points.length}`);
  const sums: Record<Cluster, number> = { idle: 0, outbound: 0, inbound: 0 };
  centroids.forEach((centroid, index) => {
    sums[nameOf(centroid, idleShare)] += own[index] ?? 0;
  });
  const ranked = (Object.keys(sums) as Cluster[]).sort((a, b) => sums[b] - sums[a]);
  const cluster = ranked[0] ?? 'idle';
  return { cluster, membership: sums[cluster] };
}

/** As the threshold does: equal and busy sends, so it is outbound. */
export function nameOf({ tx, rx }: TrafficPoint, idleShare: number): Cluster {
  if (tx < idleShare && rx < idleShare) return 'idle';
  return rx > tx ? 'inbound' : 'outbound';
}

/** Of points in their order. */
function firstCentroids(points: readonly TrafficPoint[]): TrafficPoint[] {
  const distinct = points.filter((point, index) => index === 0 || compare(point, points[index - 1]) !== 0);
  const chosen: TrafficPoint[] = [];
  const choose = (worth: (point: TrafficPoint) => number) => {
    const left = distinct.filter((point) => !chosen.includes(point));
    const best = left.reduce<TrafficPoint | null>(
      (kept, point) => (kept === null || worth(point) > worth(kept) ? point : kept),
      null,
    );
    if (best) chosen.push(best);
  };
  choose(({ tx, rx }) => -(tx + rx));
  choose(({ tx, rx }) => rx - tx);
  choose(({ tx, rx }) => tx - rx);
  return chosen.slice(0, CLUSTERS);
}

function membershipOf(point: TrafficPoint, centroids: readonly TrafficPoint[], fuzzifier: number): number[] {
  const squares = centroids.map(({ tx, rx }) => (point.tx - tx) ** 2 + (point.rx - rx) ** 2);
  const hits = squares.filter((square) => square === 0).length;
  // On a centroid the formula divides by zero; the point belongs to it alone.
  if (hits > 0) return squares.map((square) => (square === 0 ? 1 / hits : 0));
  // Relative to the nearest, or the powers of very small distances overflow.
  const nearest = Math.min(...squares);
  const weights = squares.map((square) => (nearest / square) ** (1 / (fuzzifier - 1)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function weightedMean(
  points: readonly TrafficPoint[],
  memberships: readonly number[][],
  cluster: number,
  fuzzifier: number,
): TrafficPoint | null {
  let [weights, tx, rx] = [0, 0, 0];
  points.forEach((point, index) => {
    const weight = (memberships[index]?.[cluster] ?? 0) ** fuzzifier;
    weights += weight;
    tx += weight * point.tx;
    rx += weight * point.rx;
  });
  return weights > 0 ? { tx: tx / weights, rx: rx / weights } : null;
}

function largestMove(before: readonly number[][], after: readonly number[][]): number {
  let most = 0;
  before.forEach((row, point) => {
    row.forEach((membership, cluster) => {
      most = Math.max(most, Math.abs(membership - (after[point]?.[cluster] ?? 0)));
    });
  });
  return most;
}
