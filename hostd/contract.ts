/**
 * The HTTP+JSON contract of hostd, owned here and imported by its clients. Rates are bit/s, memory is bytes, times are
 * milliseconds; a time that ends in `AtMs` is Unix time on the clock of the host that reports it (compare with `nowMs`
 * of the same answer). "tx" leaves the host through its NIC, "rx" enters it.
 *
 * | call                                     | role    | answer                                   |
 * |------------------------------------------|---------|------------------------------------------|
 * | GET /v1/host                             | read    | HostInfo                                 |
 * | GET /v1/sample                           | read    | HostSample                               |
 * | GET /v1/history?seconds=N&vm=UUID        | read    | HistoryAnswer; `vm` may be repeated      |
 * | GET /v1/events?vms=0                     | read    | server-sent events, see below            |
 * | GET /v1/migrations?after=N&waitMs=M      | read    | MigrationsAnswer                         |
 * | GET /v1/leases                           | read    | LeasesAnswer                             |
 * | PUT /v1/leases/{leaseId}  (LeaseRequest) | reserve | Lease                                    |
 * | DELETE /v1/leases/{leaseId}?fence=N      | reserve | 204                                      |
 * | GET /healthz                             | read    | Health                                   |
 * | GET /metrics                             | read    | Prometheus' text format                  |
 *
 * The events of the stream (WHATWG HTML, server-sent events): `sample` with a HostSample once a second (`vms=0` leaves
 * the VMs out), `migrations` with a MigrationsAnswer at every change and at the start.
 *
 * Errors are `ErrorAnswer` with a 4xx or 5xx status. All calls want a client certificate of the configured CA (mTLS);
 * the configuration gives each, by its common name, the role `read` or `reserve` (which may read too).
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
  /** How VM traffic is counted here, and why so. */
  counting: z.object({ method: z.enum(['nftables', 'iptables', 'tap']), reason: z.string() }),
  /** What the kernel says of the clock (adjtimex): the bound of the error of every time told here. */
  clock: z.object({ synchronised: z.boolean(), maxErrorMs: z.number().nonnegative() }),
  postCopy: z.object({ permitted: z.boolean(), reason: z.string() }),
  /** `max_concurrent_live_migrations` of nova.conf; 0 means no limit. */
  maxConcurrentLiveMigrations: z.number().int().nonnegative(),
  /**
   * When Nova itself ends a live migration from here, and how: `live_migration_completion_timeout`, seconds for each GiB
   * of the guest (0: never), and `live_migration_timeout_action` of nova.conf. One that does not tell has Nova's defaults.
   */
  novaTimeout: z
    .object({ secondsPerGibibyte: z.number().nonnegative(), action: z.enum(['abort', 'force_complete']) })
    .default({ secondsPerGibibyte: 800, action: 'abort' }),
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
  /**
   * Resident memory of its QEMU process: all that the guest has touched and not given back, and what QEMU needs itself.
   * Read with the dirty rate, so it is as old as the newest of `dirtyWindows`; null while not known, and where the guest
   * has huge pages, which do not count as resident (Linux, Documentation/admin-guide/mm/hugetlbpage.rst).
   */
  residentBytes: bytes.nullable().default(null),
  /** Traffic of the VM that crosses the NIC, without VM-to-VM traffic inside the host. */
  txBitsPerSecond: rate,
  rxBitsPerSecond: rate,
  /** True where the switch cannot tell local traffic apart (tap counters). */
  localTrafficIncluded: z.boolean(),
  /** Bytes of memory dirtied per second: the highest of the windows below, null while not measured. */
  dirtyBytesPerSecond: rate.nullable(),
  /** The last measurement with each window: a longer one reads lower, for a page dirtied twice counts once. */
  dirtyWindows: z.array(z.object({ windowMs: z.number().positive(), bytesPerSecond: rate, measuredAtMs: unixMs })),
  /** Why QEMU could not do post-copy for this guest (paused, VFIO device, file-backed memory); empty if nothing is in the way. */
  postCopyBlockers: z.array(z.string()),
});
export type VmSample = z.infer<typeof VmSample>;

/** Traffic of the NIC: tx = migrationTx + controlTx + workloadTx, and so for rx. */
export const NicRates = z.object({
  txBitsPerSecond: rate,
  rxBitsPerSecond: rate,
  migrationTxBitsPerSecond: rate,
  migrationRxBitsPerSecond: rate,
  /** The host's own ssh, libvirt, RabbitMQ, hostd and ICMP traffic. */
  controlTxBitsPerSecond: rate,
  controlRxBitsPerSecond: rate,
  /** Everything that is neither migration nor control traffic. */
  workloadTxBitsPerSecond: rate,
  workloadRxBitsPerSecond: rate,
});
export type NicRates = z.infer<typeof NicRates>;

/** One HTB class: `rate` is its guarantee, `ceil` how far it may borrow, the lower `prio` borrows first (0-7). */
export const ClassRates = z.object({
  rateBitsPerSecond: z.number().positive(),
  ceilBitsPerSecond: z.number().positive(),
  prio: z.number().int().min(0).max(7),
});
export type ClassRates = z.infer<typeof ClassRates>;

export const LinkReservation = z.object({ migration: ClassRates, workload: ClassRates });
export type LinkReservation = z.infer<typeof LinkReservation>;

export const HostSample = z.object({
  host: z.string(),
  nowMs: unixMs,
  /** Age of the newest counter reading in this sample. */
  ageMs: z.number().nonnegative(),
  /** Length of the window that the rates are the mean of; shorter than configured just after a start. */
  windowMs: z.number().nonnegative(),
  nic: NicRates,
  /** What all leases on a link add up to and the kernel enforces; null where none stands. */
  reserved: z.object({ tx: LinkReservation.nullable(), rx: LinkReservation.nullable() }),
  vms: z.array(VmSample),
});
export type HostSample = z.infer<typeof HostSample>;

/** One reading of the last 10 minutes: rates since the reading before, normally of one second. */
export const HistoryEntry = z.object({
  atMs: unixMs,
  nic: NicRates,
  /** Those of the VMs asked for that were there. */
  vms: z.array(z.object({ vmUuid: z.uuid(), txBitsPerSecond: rate, rxBitsPerSecond: rate })),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

/** Oldest first. A second that could not be measured (host suspended, counters made anew) has no entry. */
export const HistoryAnswer = z.object({ host: z.string(), nowMs: unixMs, entries: z.array(HistoryEntry) });
export type HistoryAnswer = z.infer<typeof HistoryAnswer>;

export const MigrationView = z.object({
  vmUuid: z.uuid(),
  domain: z.string(),
  role: z.enum(['source', 'destination']),
  /** QEMU's own state on the source; on the destination `incoming` until the guest runs there. */
  status: z.enum([
    'setup',
    'active',
    'device',
    'post-copy',
    'post-copy-paused',
    'completed',
    'failed',
    'cancelled',
    'incoming',
  ]),
  startedAtMs: unixMs.nullable(),
  activeAtMs: unixMs.nullable(),
  postCopyAtMs: unixMs.nullable(),
  /** The last time that post-copy was interrupted: the guest waits for pages that cannot come. */
  postCopyPausedAtMs: unixMs.nullable(),
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
  /** Pages that the guest had to ask for in post-copy (page faults over the network). */
  postCopyRequests: z.number().int().nonnegative(),
  /**
   * The longest wait for such a page. Always null under libvirt: QEMU tells it on the destination, and only with its
   * capability `postcopy-blocktime`, which libvirt (11.3) neither knows nor turns on; nor does libvirt let anybody ask
   * the destination's QEMU while pages arrive.
   */
  longestPageFaultMs: z.number().nonnegative().nullable(),
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

export const Priority = z.enum(['high', 'medium', 'low']);
export type Priority = z.infer<typeof Priority>;

/**
 * One migration's hold on this host: tx on its source, rx on its destination. It ends with DELETE, or `ttlMs` after the
 * last PUT. Where several leases stand on one link they are combined by priority (hostd/shape/combine.ts).
 */
export const LeaseRequest = z.strictObject({
  holder: z.string().min(1).max(200),
  /**
   * Fencing number of the holder's leadership: it grows whenever another process takes over. hostd remembers the highest
   * and refuses every lower one, so that a leader that was paused cannot undo what its successor did.
   */
  fence: z.number().int().nonnegative(),
  vmUuid: z.uuid(),
  priority: Priority,
  tx: LinkReservation.optional(),
  rx: LinkReservation.optional(),
  /** Source only: QEMU's downtime limit for this VM while it migrates, put back afterwards. */
  maxDowntimeMs: z.number().int().positive().max(2_000_000).optional(),
  /**
   * Source only: QEMU's own limit on the stream of this VM, in pre-copy and post-copy, put back afterwards. Set in whole
   * MiB/s, rounded down; QEMU sends up to a tenth more, and in post-copy the pages that the guest asks for on top.
   */
  maxBandwidthBitsPerSecond: z.number().positive().optional(),
  ttlMs: z.number().int().min(1000).max(600_000),
});
export type LeaseRequest = z.infer<typeof LeaseRequest>;

export const Lease = LeaseRequest.extend({
  leaseId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  /** Common name of the client certificate that took it. Another client may take it over with a higher fence only. */
  owner: z.string(),
  expiresInMs: z.number().nonnegative(),
});
export type Lease = z.infer<typeof Lease>;

/** `fence` is the highest that was seen. */
export const LeasesAnswer = z.object({ fence: z.number().int().nonnegative(), leases: z.array(Lease) });
export type LeasesAnswer = z.infer<typeof LeasesAnswer>;

export const Health = z.object({ status: z.enum(['ok', 'degraded']), problems: z.array(z.string()) });
export type Health = z.infer<typeof Health>;

export const ErrorAnswer = z.object({
  error: z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }),
});
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;
