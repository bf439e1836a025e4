import { setTimeout as sleep } from 'node:timers/promises';
import { meanRate } from './band.ts';
import { monotonicMs } from './meter.ts';
import type { Stage } from './stage.ts';

/** The two links that a migration from a to b crosses. */
export const LINKS = [
  { name: 'source, egress', host: 'a', direction: 'tx', device: 'nic0' },
  { name: 'destination, ingress', host: 'b', direction: 'rx', device: 'drover-ifb0' },
] as const;
export type MigrationLink = (typeof LINKS)[number];

/** Mbit/s on one link. */
export interface Shares {
  migration: number;
  workload: number;
  control: number;
  /** All of them: of the link's rate, for both count frames as they go over the wire. */
  total: number;
}

/** Mean rates of the next `forMs` on both links, in the order of LINKS. */
export async function shares(stage: Stage, forMs: number): Promise<[Shares, Shares]> {
  const from = monotonicMs();
  await sleep(forMs + 50);
  const of = ({ host, device }: MigrationLink): Shares => {
    const rate = (minor: string) => {
      const mean = meanRate(stage.counter(host, `${device} ${minor}`), from, from + forMs) / 1e6;
      return Number.isNaN(mean) ? 0 : mean;
    };
    const [migration, workload, control] = [rate('20'), rate('30'), rate('10')];
    return { migration, workload, control, total: migration + workload + control };
  };
  return [of(LINKS[0]), of(LINKS[1])];
}
