/** Executions of the same shape as the public ones, made by the simulator: for whoever does not have those. */

import { randomFrom } from '../../../plugin/schedule/random.ts';
import type { GuestLoad } from '../simulator/guest.ts';
import { simulate } from '../simulator/migration.ts';
import type { ExecutedMigration } from './grid5000.ts';

const REPETITIONS = 4;
const MEBI = 2 ** 20;
const BANDWIDTHS = [500e6, 1000e6];
/** A quarter of the public ones' memory and dirtying, so that it takes seconds. */
const MEMORIES = [500, 750];
const HOT = { mebibytes: 24, seconds: 2 };
const COLD_MEBIBYTES_PER_SECOND = 0;
/** What the simulator does not have: hosts that differ, a way back that is busy, and chance. */
const REVERSE_LOSS = 0.14;
const NOISE = 0.02;
const OUTLIER = { share: 0.03, factor: 1.25 };

export function generateExecutions(plans: number, seed: number): ExecutedMigration[] {
  const random = randomFrom(seed);
  return Array.from({ length: plans }, (_, plan) => plan).flatMap((plan) =>
    Array.from({ length: 10 }, (_, vm) => vm).flatMap((vm) => {
      const source = Math.floor(random() * 4);
      const destination = (source + 1 + Math.floor(random() * 3)) % 4;
      const bandwidthBitsPerSecond = BANDWIDTHS[source >= 2 && destination >= 2 ? 1 : 0] ?? 500e6;
      const memoryMebibytes = MEMORIES[Math.floor(random() * 2)] ?? 500;
      const reverseUtilisation = random() < 0.5 ? 0 : random() < 0.5 ? 0.5 : 1;
      const planned = {
        source: String(source),
        destination: String(destination),
        bandwidthBitsPerSecond,
        memoryMebibytes,
        reverseUtilisation,
        hotMebibytes: HOT.mebibytes,
        hotSeconds: HOT.seconds,
        coldMebibytesPerSecond: COLD_MEBIBYTES_PER_SECOND,
        plannedSeconds: plannedSeconds(memoryMebibytes, bandwidthBitsPerSecond),
      };
      return Array.from({ length: REPETITIONS }, (_, repetition) => ({
        ...planned,
        execution: `${repetition + 1}/${plan}.${vm}`,
        repetition: String(repetition + 1),
        observedSeconds: observed(planned, random),
      }));
    }),
  );
}

type Planned = Omit<ExecutedMigration, 'execution' | 'repetition' | 'observedSeconds'>;

function observed(planned: Planned, random: () => number): number {
  const busy = Math.max(0, 2 * planned.reverseUtilisation - 1);
  const capacity = planned.bandwidthBitsPerSecond * (1 - REVERSE_LOSS * busy) * (1 - 0.02 * Number(planned.source));
  const guest: GuestLoad = {
    memoryBytes: planned.memoryMebibytes * MEBI,
    hotBytes: HOT.mebibytes * MEBI,
    // Random pages: nearly all of the hot part within its time.
    writesBytesPerSecond: (2 * HOT.mebibytes * MEBI) / HOT.seconds,
    readsPerSecond: 0,
    answerPages: 1,
  };
  const link = { capacity, reservation: null };
  const scene = { guest, vmTx: 0, vmRx: 0, hostOut: 0, hostIn: 0, downtimeLimitMs: 300, limitSeconds: 600 };
  const { seconds } = simulate('pre-copy', { ...scene, sourceTx: link, destinationRx: link }, random);
  const chance = 1 + NOISE * (random() + random() + random() + random() - 2);
  return Math.max(1, Math.round(seconds * chance * (random() < OUTLIER.share ? OUTLIER.factor : 1) * 10) / 10);
}

/** mVM's formula, with b = BW / 9 (Kherbache et al., IEEE TCC 2017). */
function plannedSeconds(memoryMebibytes: number, bandwidthBitsPerSecond: number): number {
  const b = bandwidthBitsPerSecond / 9e6;
  const hotRate = HOT.mebibytes / HOT.seconds;
  const first = memoryMebibytes / b;
  const cold = (HOT.mebibytes + (first - HOT.seconds) * COLD_MEBIBYTES_PER_SECOND) / (b - COLD_MEBIBYTES_PER_SECOND);
  return Math.max(1, Math.round(first + cold + ((HOT.mebibytes / b) * hotRate) / (b - hotRate)));
}
