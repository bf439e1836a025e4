/** The grid of the evaluation: direction of the VM's traffic × host traffic × priority × dirty rate. */
import type { Priority } from '../../../plugin/contract.ts';

export const DIRECTIONS = ['idle', 'sends', 'receives'] as const;
export const HOST_TRAFFIC = ['none', 'out', 'in', 'both'] as const;
export const PRIORITIES = ['high', 'medium', 'low'] as const satisfies readonly Priority[];
export const DIRTY = ['none', 'low', 'high'] as const;

export interface Cell {
  direction: (typeof DIRECTIONS)[number];
  hostTraffic: (typeof HOST_TRAFFIC)[number];
  priority: Priority;
  dirty: (typeof DIRTY)[number];
}

export function allCells(): Cell[] {
  return DIRECTIONS.flatMap((direction) =>
    HOST_TRAFFIC.flatMap((hostTraffic) =>
      PRIORITIES.flatMap((priority) => DIRTY.map((dirty) => ({ direction, hostTraffic, priority, dirty }))),
    ),
  );
}

export function cellName({ direction, hostTraffic, priority, dirty }: Cell): string {
  return `${direction}, host ${hostTraffic}, ${priority}, dirty ${dirty}`;
}
