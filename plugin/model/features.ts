import { LinkReservation } from 'drover-hostd/contract';
import { z } from 'zod';

const rate = z.number().nonnegative();

/** One direction of one host's NIC, as the migration will find it. */
export const LinkFeatures = z.object({
  /** What migration and workload may share (hostd's `shapeableBitsPerSecond`). */
  capacityBitsPerSecond: z.number().positive(),
  /** Workload as measured now; on the source it includes what the VM itself sends. */
  workloadBitsPerSecond: rate,
  /** What will be reserved there; null: nothing, TCP shares as it likes. */
  reservation: LinkReservation.nullable(),
  /** Other migrations that share the migration class at that time. */
  otherMigrations: z.number().nonnegative().default(0),
});
export type LinkFeatures = z.infer<typeof LinkFeatures>;

/** All that a prediction is made from: measured before the decision, nothing of the migration itself. */
export const MigrationFeatures = z.object({
  /** Memory of the guest. */
  memoryBytes: z.number().positive(),
  /**
   * Of it, what may hold content; null: not known, all of it. A zero page goes as a header (QEMU migration/ram.c,
   * save_zero_page). hostd knows the resident memory of the whole QEMU, an upper bound: nothing is taken off for QEMU
   * itself, whose own part differs too much to be known (72 to 148 MiB with guests of 256 MiB under TCG, where every pass
   * carried 170 MiB), and what that and pages of zeros make too much is a factor that the calibration learns.
   */
  usedBytes: z.number().nonnegative().nullable(),
  /** Bytes of distinct pages dirtied per second, in windows of several lengths; none: not measured. */
  dirtyWindows: z.array(z.object({ windowMs: z.number().positive(), bytesPerSecond: rate })),
  sourceTx: LinkFeatures,
  destinationRx: LinkFeatures,
  /**
   * Share of (destination, tx) in use, 0-1: the stream's acknowledgements queue behind what the destination sends.
   */
  reverseUtilisation: z.number().min(0).max(1),
  /** The VM's own traffic through the NIC. */
  vm: z.object({ txBitsPerSecond: rate, rxBitsPerSecond: rate }),
  /** QEMU's downtime limit where no switch is to come (the policy's budget). */
  downtimeLimitMs: z.number().positive(),
  /** When Nova ends it (timeout.ts), null: never. */
  timeoutMs: z.number().positive().nullable(),
  /** What Nova does then: `post-copy` and `pause` are its force_complete, by whether post-copy is permitted. */
  timeoutAction: z.enum(['abort', 'post-copy', 'pause']).default('abort'),
  /** QEMU's own limit on the stream; null: none. */
  streamLimitBitsPerSecond: z.number().positive().nullable(),
});
export type MigrationFeatures = z.infer<typeof MigrationFeatures>;

/** What does not follow from the features: constants of QEMU, of Nova and of the machines. */
export interface ModelParameters {
  /** Share of the link's bits that are page content and its headers (Ethernet, IP and TCP take 1448 of 1538). */
  goodput: number;
  /**
   * Share of the goodput that is lost where the destination's own sending fills its link; none up to half of it. On
   * Grid'5000 (500 Mbit/s): 2000 MB in 44 s instead of 38, 3000 MB in 63 instead of 56; half used: no difference.
   */
  reverseLoss: number;
  /** Distinct bytes dirtied while a migration runs, against the same window measured before. */
  dirtyFactor: number;
  /** QEMU's set-up before the first page. */
  setupMs: number;
  /** Device state: the part of a blackout that does not depend on memory. */
  deviceMs: number;
  /** Until the network finds the guest on its new host. */
  announceMs: number;
  /** From QEMU's `active` (or the end of its first round) to the switch: Nova looks every 0.5 s. */
  switchDelayMs: number;
  /** QEMU's downtime limit where a switch is to come, kept small so that the guest does not converge before it. */
  limitBeforeSwitchMs: number;
  /** Background pages that stand before a page that was asked for, in socket buffers and the leaf queue. */
  faultQueueBytes: number;
  /** Pages that a guest has to ask for one after another before it answers from its new host. */
  faultChain: number;
  /**
   * Share of the guest's own traffic that does not come back while its pages are still on their way, if all are missing:
   * the guest waits for pages, and TCP for the guest. Measured: 45 and 281 Mbit/s of 350-380.
   */
  faultSlowdown: number;
  /** Dirty rate assumed where none was measured, as a share of the memory per second. */
  unknownDirtyShare: number;
}

/**
 * Measured on QEMU 7.2 and 10.0 under libvirt: blackout of an idle guest 60-130 ms in every technique; longest ping gap
 * of an idle guest in post-copy 1.25 s at 500 Mbit/s and about twice that where an inbound workload halves the stream.
 */
export const DEFAULT_PARAMETERS: ModelParameters = {
  goodput: 0.94,
  reverseLoss: 0.12,
  dirtyFactor: 1,
  setupMs: 100,
  deviceMs: 70,
  announceMs: 60,
  switchDelayMs: 500,
  limitBeforeSwitchMs: 20,
  faultQueueBytes: 4 * 2 ** 20,
  faultChain: 16,
  faultSlowdown: 0.55,
  unknownDirtyShare: 0.01,
};

const PAGE_BYTES = 4096;
/** A page's header in the stream: offset and flags; a zero page is that and one byte (migration/ram.c, save_page_header). */
const HEADER_BYTES = 8;

/** Bytes that one pass over all of the guest's memory puts on the stream. */
export function streamBytes({ memoryBytes, usedBytes }: Pick<MigrationFeatures, 'memoryBytes' | 'usedBytes'>): number {
  const used = Math.min(usedBytes ?? memoryBytes, memoryBytes);
  const pages = used * (1 + HEADER_BYTES / PAGE_BYTES);
  return pages + ((memoryBytes - used) / PAGE_BYTES) * (HEADER_BYTES + 1);
}
