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
   * carried 170 MiB), and what that and pages of zeros make too much is learned (`contentShare`).
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
  /** Share of what may hold content that does (above 0, at most 1): the calibration learns it from the bytes of others. */
  contentShare: number;
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
  /** What stands in socket buffers and queues before the device state, or before a page that was asked for. */
  queueBytes: number;
  /** Pages that a guest has to ask for one after another before it answers from its new host, if all are missing. */
  faultChain: number;
  /** How much longer each of them takes where other traffic fills (destination, rx), as a factor less 1. */
  crowding: number;
  /**
   * How long the guest's own traffic is away, against its stall: TCP asks again after twice as long each time (RFC 6298,
   * 5.5), so that it comes back between once and twice the stall.
   */
  silence: number;
  /** Dirty rate assumed where none was measured, as a share of the memory per second. */
  unknownDirtyShare: number;
}

/**
 * Fitted to migrations in the lab (QEMU 10.0 under libvirt and Nova, guests of 256 MB of which 170 MB hold content, 12 cells
 * of traffic, priority and dirtying on links of 475 Mbit/s): HTB counts 1514 bytes of a frame that carries 1448; blackout of
 * a switch 50-100 ms where the stream has the link, 100-150 at half of it; longest ping gap of post-copy 1.6-2.0 s where
 * nothing else enters the destination, 3.2-4.1 s at half the rate, and the whole pull (6.1-7.0 s) where other traffic fills
 * half of (destination, rx); a guest that receives 480 Mbit/s arrives as soon as an idle one. Not explained: blackouts of
 * 130-590 ms in post-copy into a busy link, where those of hybrid-copy are 90-190.
 */
export const DEFAULT_PARAMETERS: ModelParameters = {
  contentShare: 1,
  goodput: 0.955,
  reverseLoss: 0.12,
  dirtyFactor: 1,
  setupMs: 100,
  deviceMs: 30,
  announceMs: 60,
  switchDelayMs: 500,
  limitBeforeSwitchMs: 20,
  queueBytes: 2e6,
  faultChain: 50,
  crowding: 3,
  silence: 1.5,
  unknownDirtyShare: 0.01,
};

const PAGE_BYTES = 4096;
/** A page's header in the stream: offset and flags; a zero page is that and one byte (migration/ram.c, save_page_header). */
const HEADER_BYTES = 8;

/** Bytes that one pass over all of the guest's memory puts on the stream. */
export function streamBytes(
  { memoryBytes, usedBytes }: Pick<MigrationFeatures, 'memoryBytes' | 'usedBytes'>,
  { contentShare }: Pick<ModelParameters, 'contentShare'>,
): number {
  const used = contentShare * Math.min(usedBytes ?? memoryBytes, memoryBytes);
  const pages = used * (1 + HEADER_BYTES / PAGE_BYTES);
  return pages + ((memoryBytes - used) / PAGE_BYTES) * (HEADER_BYTES + 1);
}
