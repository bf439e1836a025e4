/**
 * The HTTP+JSON contract of hostd, owned here and imported by its clients. Rates are bit/s, memory is bytes, times are
 * milliseconds; a time that ends in `AtMs` is Unix time on the clock of the host that reports it (compare with `nowMs`
 * of the same answer). "tx" leaves the host through its NIC, "rx" enters it.
 *
 * | call                                     | answer            |
 * |------------------------------------------|-------------------|
 * | GET /v1/host                             | HostInfo          |
 * | GET /v1/sample                           | HostSample        |
 * | GET /v1/migrations?after=N&waitMs=M      | MigrationsAnswer  |
 * | GET /v1/leases                           | LeasesAnswer      |
 * | PUT /v1/leases/{leaseId}  (LeaseRequest) | Lease             |
 * | DELETE /v1/leases/{leaseId}              | 204               |
 * | GET /healthz                             | Health            |
 *
 * Errors are `ErrorAnswer` with a 4xx or 5xx status. All calls want a client certificate of the configured CA (mTLS).
 */
import { z } from 'zod';

const rate = z.number().nonnegative();
const bytes = z.number().int().nonnegative();
const unixMs = z.number().nonnegative();

export const HostInfo = z.object({
  /** Nova's name of the compute host. */
  host: z.string().min(1),
  nic: z.string().min(1),
  /** Physical rate of one direction of the NIC. */
  linkBitsPerSecond: rate,
  /** What the classes `migration` and `workload` may share: the link less the shaping margin and the control class. */
  shapeableBitsPerSecond: rate,
  migrationAddress: z.string(),
  postCopy: z.object({ permitted: z.boolean(), reason: z.string() }),
  /** `max_concurrent_live_migrations` of nova.conf; 0 means no limit. */
  maxConcurrentLiveMigrations: z.number().int().nonnegative(),
  libvirtVersion: z.string(),
  qemuVersion: z.string(),
});
export type HostInfo = z.infer<typeof HostInfo>;

export const VmSample = z.object({
  /** Nova's server id = libvirt's domain UUID. */
  vmUuid: z.uuid(),
  /** libvirt's domain name, e.g. `instance-0000000a`. */
  domain: z.string(),
  taps: z.array(z.string()),
  memoryBytes: bytes,
  /** Traffic of the VM that crosses the NIC, without VM-to-VM traffic inside the host. */
  txBitsPerSecond: rate,
  rxBitsPerSecond: rate,
  /** True where the switch cannot tell local traffic apart (tap counters). */
  localTrafficIncluded: z.boolean(),
  /** Bytes of memory dirtied per second, null while not measured. */
  dirtyBytesPerSecond: rate.nullable(),
  /** Why QEMU could not do post-copy for this guest (paused, VFIO device, file-backed memory); empty if nothing is in the way. */
  postCopyBlockers: z.array(z.string()),
});
export type VmSample = z.infer<typeof VmSample>;

export const HostSample = z.object({
  host: z.string(),
  nowMs: unixMs,
  /** Age of the newest counter reading in this sample. */
  ageMs: z.number().nonnegative(),
  /** Length of the window that the rates are the mean of; shorter than configured just after a start. */
  windowMs: z.number().nonnegative(),
  nic: z.object({
    txBitsPerSecond: rate,
    rxBitsPerSecond: rate,
    migrationTxBitsPerSecond: rate,
    migrationRxBitsPerSecond: rate,
    /** Everything that is not migration traffic. */
    workloadTxBitsPerSecond: rate,
    workloadRxBitsPerSecond: rate,
  }),
  vms: z.array(VmSample),
});
export type HostSample = z.infer<typeof HostSample>;

export const MigrationView = z.object({
  vmUuid: z.uuid(),
  domain: z.string(),
  role: z.enum(['source', 'destination']),
  /** QEMU's own state on the source; on the destination `incoming` until the guest runs there. */
  status: z.enum(['setup', 'active', 'device', 'post-copy', 'completed', 'failed', 'cancelled', 'incoming']),
  startedAtMs: unixMs.nullable(),
  activeAtMs: unixMs.nullable(),
  postCopyAtMs: unixMs.nullable(),
  /** Source: the guest stopped. */
  stoppedAtMs: unixMs.nullable(),
  /** Destination: the guest runs. Downtime = destination.resumedAtMs − source.stoppedAtMs. */
  resumedAtMs: unixMs.nullable(),
  endedAtMs: unixMs.nullable(),
  /** Start of each round of pre-copy as QEMU announces it (MIGRATION_PASS); passes[1] is the end of the first round. */
  passes: z.array(z.object({ pass: z.number().int(), atMs: unixMs })),
  iterations: z.number().int().nonnegative(),
  memoryTotalBytes: bytes,
  memoryRemainingBytes: bytes,
  memoryTransferredBytes: bytes,
  transferBitsPerSecond: rate,
  dirtyBytesPerSecond: rate,
});
export type MigrationView = z.infer<typeof MigrationView>;

/** Every change raises `revision`; with `after` the call waits up to `waitMs` (at most 30,000) for a higher one. */
export const MigrationsAnswer = z.object({
  revision: z.number().int().nonnegative(),
  nowMs: unixMs,
  /** Running ones, and those that ended in the last 10 minutes. */
  migrations: z.array(MigrationView),
});
export type MigrationsAnswer = z.infer<typeof MigrationsAnswer>;

/** One HTB class: `rate` is its guarantee, `ceil` how far it may borrow, the lower `prio` borrows first (0-7). */
export const ClassRates = z.object({
  rateBitsPerSecond: z.number().positive(),
  ceilBitsPerSecond: z.number().positive(),
  prio: z.number().int().min(0).max(7),
});
export type ClassRates = z.infer<typeof ClassRates>;

export const LinkReservation = z.object({ migration: ClassRates, workload: ClassRates });
export type LinkReservation = z.infer<typeof LinkReservation>;

export const Priority = z.enum(['high', 'medium', 'low']);
export type Priority = z.infer<typeof Priority>;

/**
 * One migration's hold on this host: tx on its source, rx on its destination. It ends with DELETE, or `ttlMs` after the
 * last PUT. Where several leases stand on one link, those of the highest priority decide, the newest of them first.
 */
export const LeaseRequest = z.strictObject({
  holder: z.string().min(1).max(200),
  vmUuid: z.uuid(),
  priority: Priority,
  tx: LinkReservation.optional(),
  rx: LinkReservation.optional(),
  /** Source only: QEMU's downtime limit for this VM while it migrates, put back afterwards. */
  maxDowntimeMs: z.number().int().positive().max(2_000_000).optional(),
  ttlMs: z.number().int().min(1000).max(600_000),
});
export type LeaseRequest = z.infer<typeof LeaseRequest>;

export const Lease = LeaseRequest.extend({
  leaseId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  expiresInMs: z.number().nonnegative(),
});
export type Lease = z.infer<typeof Lease>;

export const LeasesAnswer = z.object({ leases: z.array(Lease) });
export type LeasesAnswer = z.infer<typeof LeasesAnswer>;

export const Health = z.object({ status: z.enum(['ok', 'degraded']), problems: z.array(z.string()) });
export type Health = z.infer<typeof Health>;

export const ErrorAnswer = z.object({
  error: z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }),
});
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;
