import type { MigrationView } from '../contract.ts';
import type { JobInfo } from './job.ts';

/** Something that says how a migration goes on, with the time it happened (Unix, ms). */
export type MigrationSignal = { vmUuid: string; domain: string; atMs: number } & (
  | { type: 'incoming' }
  | { type: 'status'; status: string }
  | { type: 'pass'; pass: number }
  | { type: 'stop' }
  | { type: 'resume' }
  | { type: 'gone'; migrated: boolean }
  /** `discover`: hostd just started, so a job without a view is a migration that it has not seen begin. */
  | { type: 'job'; job: JobInfo; discover: boolean }
  /** libvirt's totals, 1 to 2 s after QEMU's own end. */
  | { type: 'totals'; job: JobInfo }
  /** What libvirt says of the domain after events were missed. */
  | { type: 'look'; look: Look }
);

export interface Look {
  /** State and reason of the domain, null if it does not run here. */
  runs: { state: number; reason: number } | null;
  /** What `domstate --reason` says of one that does not run; empty if libvirt does not know it at all. */
  shutOff: string;
  job: JobInfo['operation'];
}

/** How long an ended migration stays in the answers. */
export const KEEP_ENDED_MS = 600_000;

/**
 * One step of the state machine: the views after the signal, the same array if nothing changed.
 *
 * QEMU tells both sides its status; which side this is says `incoming`, which comes on the destination only.
 */
export function followMigration(views: readonly MigrationView[], signal: MigrationSignal): readonly MigrationView[] {
  if (signal.type === 'totals') return addTotals(views, signal.vmUuid, signal.job);
  const index = views.findLastIndex(
    (view) => view.vmUuid === signal.vmUuid && (isOpen(view) || misjudged(view, signal)),
  );
  const open = index < 0 ? newView(signal) : (views[index] ?? null);
  if (open === null) return views;
  const next = step(open, signal);
  if (next === open && index >= 0) return views;
  return index < 0 ? [...views, next] : views.with(index, next);
}

/** The polls miss what went over after the last of them: in post-copy that may be most of it. */
function addTotals(views: readonly MigrationView[], vmUuid: string, job: JobInfo): readonly MigrationView[] {
  const index = views.findLastIndex((view) => view.vmUuid === vmUuid && view.role === 'source');
  const view = views[index];
  if (view === undefined || job.memoryTotalBytes === 0) return views;
  return views.with(index, {
    ...view,
    iterations: Math.max(view.iterations, job.iteration),
    memoryTotalBytes: job.memoryTotalBytes,
    memoryRemainingBytes: job.memoryRemainingBytes,
    memoryTransferredBytes: Math.max(view.memoryTransferredBytes, job.memoryProcessedBytes),
    postCopyRequests: Math.max(view.postCopyRequests, job.postCopyRequests),
  });
}

function step(view: MigrationView, signal: MigrationSignal): MigrationView {
  if (view.role === 'destination') return stepDestination(view, signal);
  // On a busy host QEMU's `setup` may be read before libvirt's word that this side receives, which is the surer one.
  return signal.type === 'incoming' ? asDestination(view, signal) : stepSource(view, signal);
}

/** Taken for a source until its end: but no guest leaves a source without being stopped there. */
function misjudged(view: MigrationView, signal: MigrationSignal): boolean {
  if (signal.type !== 'incoming' || view.role !== 'source' || view.status !== 'completed') return false;
  return view.stoppedAtMs === null && signal.atMs - (view.endedAtMs ?? 0) < MISJUDGED_WITHIN_MS;
}

/** The same migration seen from the other side, with all that was read of it while it was taken for a source. */
function asDestination(view: MigrationView, signal: MigrationSignal): MigrationView {
  const { startedAtMs, activeAtMs, postCopyAtMs, postCopyPausedAtMs, resumedAtMs, endedAtMs } = view;
  const arrived = endedAtMs === null ? 'post-copy' : 'completed';
  return {
    ...emptyView(signal, 'destination', startedAtMs ?? signal.atMs),
    activeAtMs,
    postCopyAtMs,
    postCopyPausedAtMs,
    resumedAtMs,
    endedAtMs,
    status: resumedAtMs === null ? 'incoming' : arrived,
  };
}

/** Without the migrations that ended too long ago; the same array if there are none. */
export function forgetEnded(views: readonly MigrationView[], nowMs: number): readonly MigrationView[] {
  const kept = views.filter((view) => isOpen(view) || nowMs - (view.endedAtMs ?? nowMs) < KEEP_ENDED_MS);
  return kept.length === views.length ? views : kept;
}

/** libvirt's word that this side receives is read at most so much later than QEMU's that the migration is over. */
const MISJUDGED_WITHIN_MS = 5000;

export function isOpen(view: MigrationView): boolean {
  return view.status !== 'completed' && view.status !== 'failed' && view.status !== 'cancelled';
}

/** Only what begins a migration makes a view: a guest that stops or resumes by itself is none. */
function newView(signal: MigrationSignal): MigrationView | null {
  if (signal.type === 'incoming') return emptyView(signal, 'destination', signal.atMs);
  if (signal.type === 'status' && (signal.status === 'setup' || signal.status === 'active')) {
    return emptyView(signal, 'source', signal.atMs);
  }
  if (signal.type !== 'job' || !signal.discover) return null;
  if (signal.job.operation === 'outgoing') {
    return emptyView(signal, 'source', signal.atMs - signal.job.elapsedMs);
  }
  if (signal.job.operation === 'incoming') {
    return emptyView(signal, 'destination', signal.atMs - signal.job.elapsedMs);
  }
  return null;
}

function emptyView(signal: MigrationSignal, role: MigrationView['role'], startedAtMs: number): MigrationView {
  return {
    vmUuid: signal.vmUuid,
    domain: signal.domain,
    role,
    status: role === 'source' ? 'setup' : 'incoming',
    startedAtMs,
    activeAtMs: null,
    postCopyAtMs: null,
    postCopyPausedAtMs: null,
    stoppedAtMs: null,
    resumedAtMs: null,
    endedAtMs: null,
    passes: [],
    iterations: 0,
    memoryTotalBytes: 0,
    memoryRemainingBytes: 0,
    memoryTransferredBytes: 0,
    transferBitsPerSecond: 0,
    dirtyBytesPerSecond: 0,
    postCopyRequests: 0,
    longestPageFaultMs: null,
  };
}

function stepSource(view: MigrationView, signal: MigrationSignal): MigrationView {
  const { atMs } = signal;
  switch (signal.type) {
    case 'status':
      return sourceStatus(view, signal.status, atMs);
    case 'pass':
      if (view.passes.some(({ pass }) => pass === signal.pass)) return view;
      return {
        ...view,
        passes: [...view.passes, { pass: signal.pass, atMs }],
        iterations: Math.max(view.iterations, signal.pass),
      };
    case 'stop':
      return view.stoppedAtMs === null ? { ...view, stoppedAtMs: atMs } : view;
    case 'resume':
      // The guest goes on at the source: that stop was no blackout of a migration. Without a stop this is the other side.
      return view.stoppedAtMs === null
        ? { ...view, resumedAtMs: view.resumedAtMs ?? atMs }
        : { ...view, stoppedAtMs: null };
    case 'gone': {
      // QEMU's last event may be lost with the process: after the switch the guest lives on the other side.
      const arrived = signal.migrated || view.status === 'post-copy';
      return { ...view, status: arrived ? 'completed' : 'failed', endedAtMs: atMs };
    }
    case 'job':
      return sourceJob(view, signal.job, atMs);
    case 'look':
      return sourceLook(view, signal.look, atMs);
    default:
      return view;
  }
}

/** QEMU's MigrationStatus (qapi/migration.json) in the words of the contract. */
function sourceStatus(view: MigrationView, status: string, atMs: number): MigrationView {
  switch (status) {
    case 'setup':
      return view;
    case 'active':
      return { ...view, status: 'active', activeAtMs: view.activeAtMs ?? atMs };
    case 'pre-switchover':
    case 'device':
    case 'postcopy-device':
      return { ...view, status: 'device' };
    case 'postcopy-active':
      return { ...view, status: 'post-copy', postCopyAtMs: view.postCopyAtMs ?? atMs };
    case 'postcopy-paused':
      return paused(view, atMs);
    case 'completed':
    case 'failed':
    case 'cancelled':
      return { ...view, status, endedAtMs: atMs };
    default:
      return view;
  }
}

/** Until QEMU is `postcopy-active` again; on its way there it is `postcopy-recover-setup` and `postcopy-recover`. */
function paused(view: MigrationView, atMs: number): MigrationView {
  return { ...view, status: 'post-copy-paused', postCopyPausedAtMs: atMs, transferBitsPerSecond: 0 };
}

/**
 * A libvirtd that comes back cancels a pre-copy that it finds, without an event of QEMU. A guest that has left is not
 * even defined here any more: Nova migrates with VIR_MIGRATE_UNDEFINE_SOURCE.
 */
function sourceLook(view: MigrationView, { runs, shutOff, job }: Look, atMs: number): MigrationView {
  if (runs === null) {
    const arrived = shutOff === '' || shutOff.includes('migrated') || view.status === 'post-copy';
    return { ...view, status: arrived ? 'completed' : 'failed', endedAtMs: atMs };
  }
  if (isPaused(runs, PAUSED_POST_COPY_FAILED)) return view.status === 'post-copy-paused' ? view : paused(view, atMs);
  if (isPaused(runs, PAUSED_POST_COPY)) {
    return view.status === 'post-copy' ? view : { ...view, status: 'post-copy', postCopyAtMs: atMs };
  }
  if (job === 'outgoing') return view;
  return { ...view, status: 'failed', stoppedAtMs: null, endedAtMs: atMs };
}

/** virDomainState and its reasons, libvirt-domain.h. */
const RUNNING = 1;
const PAUSED = 3;
const RUNNING_POST_COPY = 10;
const RUNNING_POST_COPY_FAILED = 11;
const PAUSED_MIGRATION = 2;
const PAUSED_POST_COPY = 12;
const PAUSED_POST_COPY_FAILED = 13;

function isPaused(runs: { state: number; reason: number }, reason: number): boolean {
  return runs.state === PAUSED && runs.reason === reason;
}

function sourceJob(view: MigrationView, job: JobInfo, atMs: number): MigrationView {
  if (job.operation !== 'outgoing' || job.memoryTotalBytes === 0) return view;
  return {
    ...view,
    // A running transfer met half way, or whose event was lost.
    ...(view.status === 'setup' && job.memoryProcessedBytes > 0
      ? { status: 'active' as const, activeAtMs: view.activeAtMs ?? atMs }
      : {}),
    iterations: Math.max(view.iterations, job.iteration),
    memoryTotalBytes: job.memoryTotalBytes,
    memoryRemainingBytes: job.memoryRemainingBytes,
    memoryTransferredBytes: Math.max(view.memoryTransferredBytes, job.memoryProcessedBytes),
    // libvirt goes on telling the last rate while post-copy is interrupted.
    transferBitsPerSecond: view.status === 'post-copy-paused' ? 0 : job.transferBytesPerSecond * 8,
    dirtyBytesPerSecond: job.dirtyBytesPerSecond,
    postCopyRequests: Math.max(view.postCopyRequests, job.postCopyRequests),
  };
}

/** The destination's QEMU says `completed` before libvirt lets the guest of a pre-copy run: both must have come. */
function stepDestination(view: MigrationView, signal: MigrationSignal): MigrationView {
  const { atMs } = signal;
  switch (signal.type) {
    case 'status':
      if (signal.status === 'active') return { ...view, activeAtMs: view.activeAtMs ?? atMs };
      if (signal.status === 'postcopy-active') {
        const status = view.status === 'post-copy-paused' ? 'post-copy' : view.status;
        return { ...view, status, postCopyAtMs: view.postCopyAtMs ?? atMs };
      }
      if (signal.status === 'postcopy-paused') return paused(view, atMs);
      if (signal.status === 'completed') {
        return { ...view, endedAtMs: atMs, status: view.resumedAtMs === null ? view.status : 'completed' };
      }
      if (signal.status === 'failed') return { ...view, status: 'failed', endedAtMs: atMs };
      return view;
    case 'resume':
      if (view.resumedAtMs !== null) return view;
      return { ...view, resumedAtMs: atMs, status: view.endedAtMs === null ? 'post-copy' : 'completed' };
    case 'gone':
      return { ...view, status: 'failed', endedAtMs: atMs };
    case 'look':
      return destinationLook(view, signal.look, atMs);
    default:
      return view;
  }
}

/** When it began to run is not known then: `resumedAtMs` stays as it is. */
function destinationLook(view: MigrationView, { runs, job }: Look, atMs: number): MigrationView {
  if (runs === null) return { ...view, status: 'failed', endedAtMs: atMs };
  if (runs.state === RUNNING && runs.reason === RUNNING_POST_COPY) {
    return view.status === 'post-copy' ? view : { ...view, status: 'post-copy', postCopyAtMs: atMs };
  }
  if (runs.state === RUNNING && runs.reason === RUNNING_POST_COPY_FAILED) {
    return view.status === 'post-copy-paused' ? view : paused(view, atMs);
  }
  if (job === 'incoming' || isPaused(runs, PAUSED_MIGRATION)) return view;
  return { ...view, status: 'completed', endedAtMs: view.endedAtMs ?? atMs };
}
