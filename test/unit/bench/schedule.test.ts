import { describe, expect, it } from 'vitest';
import { LIVE_CELLS } from '../../bench/techniques/cells.ts';
import { DIRECTIONS, DIRTY, HOST_TRAFFIC, PRIORITIES } from '../../bench/techniques/grid.ts';
import { runKey, schedule } from '../../bench/techniques/schedule.ts';

describe('the order of the runs in the lab', () => {
  const runs = schedule(LIVE_CELLS, 5, 1);

  it('has each of at least 12 cells with each technique 5 times, once a round', () => {
    expect(LIVE_CELLS.length).toBeGreaterThanOrEqual(12);
    expect(runs).toHaveLength(LIVE_CELLS.length * 3 * 5);
    expect(new Set(runs.map(runKey)).size).toBe(runs.length);
    expect(runs.map(({ round }) => round)).toEqual([...runs.map(({ round }) => round)].sort());
  });

  it('shows every direction, host traffic, priority and dirty rate', () => {
    const seen = (pick: (cell: (typeof LIVE_CELLS)[number]) => string) => new Set(LIVE_CELLS.map(pick)).size;
    expect(seen(({ direction }) => direction)).toBe(DIRECTIONS.length);
    expect(seen(({ hostTraffic }) => hostTraffic)).toBe(HOST_TRAFFIC.length);
    expect(seen(({ priority }) => priority)).toBe(PRIORITIES.length);
    expect(seen(({ dirty }) => dirty)).toBe(DIRTY.length);
  });

  it('is another one in each round and for each seed, and the same for the same seed', () => {
    const keys = (round: number, seed: number) =>
      schedule(LIVE_CELLS, 2, seed)
        .filter((run) => run.round === round)
        .map((run) => runKey({ ...run, round: 0 }));
    expect(keys(1, 1)).not.toEqual(keys(2, 1));
    expect(keys(1, 1)).not.toEqual(keys(1, 2));
    expect(keys(1, 1)).toEqual(keys(1, 1));
  });
});
