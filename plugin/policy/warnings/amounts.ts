import type { Limits } from '../schema/limits.ts';
import type { Policy } from '../schema.ts';
import type { Doubt } from './doubt.ts';

/** Caps of a host that its one link never lets be reached. */
export function neverReached({ caps }: Policy): Doubt[] {
  const { parallelPerLink } = caps;
  return (['perSource', 'perDestination'] as const).flatMap((cap) => {
    const most = caps[cap];
    if (most === undefined || most <= parallelPerLink) return [];
    const end = cap === 'perSource' ? 'a source sends all of them' : 'a destination receives all of them';
    const message = `is never reached: ${end} on one link, and caps.parallelPerLink permits ${parallelPerLink} there. Raise that, or delete this`;
    return [{ path: `caps.${cap}`, message }];
  });
}

/** Limits of which a low-priority migration's floor leaves the workload less than a high one would. */
export function underminedLimits({ limits, floor }: Policy): Doubt[] {
  if (floor.kind !== 'share') return [];
  const all: [string, Partial<Limits>][] = [
    ['limits.default', limits.default],
    ...Object.entries(limits.nics ?? {}).map(([nic, own]): [string, Limits] => [`limits.nics.${nic}`, own]),
    ...Object.entries(limits.hosts).flatMap(([host, { lower, nics }]): [string, Partial<Limits>][] => [
      [`limits.hosts.${host}`, lower ? { lower } : {}],
      ...Object.entries(nics ?? {}).map(([nic, own]): [string, Limits] => [`limits.hosts.${host}.nics.${nic}`, own]),
    ]),
  ];
  return all.flatMap(([path, { lower }]) => {
    if (lower?.kind !== 'share' || lower.fraction + floor.fraction <= 1 + 1e-9) return [];
    const left = percent(1 - floor.fraction);
    const message = `the floor of ${percent(floor.fraction)} leaves the workload ${left} beside a low-priority migration, less than it is promised here (${percent(lower.fraction)}): lower one of them`;
    return [{ path: `${path}.lower`, message }];
  });
}

function percent(fraction: number): string {
  return `${Number((100 * fraction).toFixed(4))} %`;
}
