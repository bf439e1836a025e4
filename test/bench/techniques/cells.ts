import type { Cell } from './grid.ts';

/** The cells that are run in the lab: each direction with and without contention, every priority, every dirty rate. */
export const LIVE_CELLS: readonly Cell[] = [
  { direction: 'idle', hostTraffic: 'none', priority: 'medium', dirty: 'none' },
  { direction: 'idle', hostTraffic: 'none', priority: 'high', dirty: 'high' },
  { direction: 'idle', hostTraffic: 'out', priority: 'low', dirty: 'low' },
  { direction: 'idle', hostTraffic: 'in', priority: 'medium', dirty: 'high' },
  { direction: 'idle', hostTraffic: 'both', priority: 'high', dirty: 'low' },
  { direction: 'sends', hostTraffic: 'none', priority: 'high', dirty: 'none' },
  { direction: 'sends', hostTraffic: 'none', priority: 'medium', dirty: 'low' },
  { direction: 'sends', hostTraffic: 'in', priority: 'low', dirty: 'none' },
  { direction: 'sends', hostTraffic: 'out', priority: 'medium', dirty: 'high' },
  { direction: 'receives', hostTraffic: 'none', priority: 'low', dirty: 'none' },
  { direction: 'receives', hostTraffic: 'none', priority: 'medium', dirty: 'high' },
  { direction: 'receives', hostTraffic: 'in', priority: 'high', dirty: 'low' },
];
