import type { MigrationView } from 'drover-hostd/contract';
import type { MigrationState, Reason, Technique } from '../../contract.ts';
import type { NovaPhase } from '../../nova/watch.ts';

/** One migration as seen from outside at one moment. */
export interface Observation {
  nowMs: number;
  state: MigrationState;
  submittedAtMs: number;
  technique: Technique;
  /** Null until Nova shows a record of it. */
  nova: { phase: NovaPhase; status: string; destination?: string | null } | null;
  /** hostd's views; null where hostd does not answer or has not seen it. */
  source: MigrationView | null;
  destination: MigrationView | null;
  /** Both hosts permit post-copy, as hostd says now. */
  postCopyPermitted: boolean;
  /** When force_complete was last asked for, null if never. */
  forcedAtMs: number | null;
  /** Somebody has asked Nova for force_complete past Drover. */
  forcedByHand?: boolean;
  /** Since when no migration runs on the source at all, so that Nova has none to wait for; null: one does, or nobody knows. */
  sourceIdleSinceMs?: number | null;
  /** Codes of `note` steps that were taken. */
  noted?: ReadonlySet<string>;
}

/** The one step to take now. `finish` ends the following; `move` writes a state; `force-complete` asks Nova to switch. */
export type Step =
  | { kind: 'wait' }
  | { kind: 'move'; state: MigrationState; reason: Reason }
  | { kind: 'force-complete'; reason: Reason }
  /** Something worth an event, once; the state stays. */
  | { kind: 'note'; reason: Reason }
  | { kind: 'finish'; state: 'completed' | 'failed' | 'aborted'; reason: Reason };

/** Nova shows a record 0.1-0.3 s after its 202; a request that never got one was lost between API and conductor. */
export const RECORD_DEADLINE_MS = 60_000;
/** Nova drains force_complete in a 0.5 s loop (nova/virt/libvirt/driver.py, _live_migration_monitor). */
export const FORCE_AGAIN_MS = 2000;
/** Conductor and scheduler take seconds; their RPC calls give up after 60 s (oslo.messaging, rpc_response_timeout). */
export const ACCEPTED_DEADLINE_MS = 600_000;
/** Preparing asks the destination in a call that may take `long_rpc_timeout`, 1800 s. */
export const PREPARED_DEADLINE_MS = 3_600_000;

/**
 * Decides the next step of a migration that Nova was asked for. Pure.
 *
 * | technique   | asks force_complete when                                              |
 * |-------------|-----------------------------------------------------------------------|
 * | pre-copy    | never                                                                 |
 * | post-copy   | QEMU's own status is `active` (Nova's `running` comes too early)      |
 * | hybrid-copy | the first round has ended: QEMU announced its second pass             |
 *
 * It asks again after 2 s while neither QEMU nor Nova is in post-copy, and never where post-copy is not permitted:
 * there Nova would pause the guest. Once somebody has asked by hand, it does not.
 *
 * Ends of what Nova was asked for:
 *
 * | seen                                                                   | state     | code                  |
 * |------------------------------------------------------------------------|-----------|-----------------------|
 * | Nova: completed                                                        | completed | completed             |
 * | Nova: cancelled (DELETE by a client, `virsh domjobabort`)              | aborted   | cancelled             |
 * | Nova: error or failed, no destination, QEMU never began (NoValidHost)  | failed    | no-valid-host         |
 * | Nova: error or failed, post-copy had been interrupted                  | failed    | post-copy-interrupted |
 * | Nova: error or failed, the guest runs on the destination               | failed    | failed-after-arrival  |
 * | Nova: error or failed                                                  | failed    | nova-failed           |
 * | no record of Nova's 60 s after its 202 (lost between API and conductor) | failed   | nova-record-missing   |
 * | Nova: accepted for 10 minutes (conductor or scheduler dead)            | failed    | conductor-silent      |
 * | Nova: queued or preparing, an hour, the source migrates nothing (nova-compute or RabbitMQ dead) | failed | compute-silent |
 *
 * While Nova does not answer nothing is concluded; it is asked again until it does.
 */
export function follow(seen: Observation): Step {
  const ended = novaEnd(seen);
  if (ended) return ended;
  if (seen.nova === null) {
    if (seen.nowMs - seen.submittedAtMs < RECORD_DEADLINE_MS) return { kind: 'wait' };
    return {
      kind: 'finish',
      state: 'failed',
      reason: {
        code: 'nova-record-missing',
        text: `Nova took the request but showed no migration within ${RECORD_DEADLINE_MS / 1000} s: read nova-conductor's log`,
      },
    };
  }
  const stuck = neverBegan(seen);
  if (stuck) return { kind: 'finish', state: 'failed', reason: stuck };
  if (seen.source?.status === 'post-copy-paused' && !seen.noted?.has('post-copy-paused')) {
    const text = 'post-copy is interrupted, the guest stands still: restore the network between the two hosts';
    return { kind: 'note', reason: { code: 'post-copy-paused', text } };
  }
  if (inPostCopy(seen)) return advance(seen, 'post-copy', 'the guest runs on the destination, its pages follow');
  const trigger = switchTrigger(seen);
  if (trigger) {
    if (seen.forcedAtMs === null || seen.nowMs - seen.forcedAtMs >= FORCE_AGAIN_MS) {
      return { kind: 'force-complete', reason: trigger };
    }
    return { kind: 'wait' };
  }
  if (seen.nova.phase === 'running' || seen.source?.status === 'active') {
    return advance(seen, 'running', `Nova: ${seen.nova.status}`);
  }
  return { kind: 'wait' };
}

/** QEMU's own word where it is heard: Nova says post-copy once it has asked, also of a guest that converges first. */
function inPostCopy(seen: Observation): boolean {
  if (seen.source === null) return seen.nova?.phase === 'post-copy';
  return seen.source.status === 'post-copy' || seen.source.status === 'post-copy-paused';
}

function switchTrigger(seen: Observation): Reason | null {
  if (seen.technique === 'pre-copy' || !seen.postCopyPermitted || seen.source?.status !== 'active') return null;
  if (seen.forcedByHand) return null;
  if (seen.nova?.phase === 'post-copy') return null;
  if (seen.technique === 'post-copy') return { code: 'qemu-active', text: 'QEMU sends: switch to post-copy at once' };
  const second = seen.source.passes.find((pass) => pass.pass >= 2);
  if (!second) return null;
  return {
    code: 'first-round-ended',
    text: `QEMU began pass ${second.pass}: the first round is over, switch to post-copy`,
  };
}

/** Nova took it and then did nothing: some part of it is dead. */
function neverBegan({ nova, source, nowMs, submittedAtMs, sourceIdleSinceMs = null }: Observation): Reason | null {
  if (nova === null || source !== null) return null;
  if (nova.status === 'accepted' && nowMs - submittedAtMs >= ACCEPTED_DEADLINE_MS) {
    const text = `Nova's record has been accepted for ${ACCEPTED_DEADLINE_MS / 60_000} minutes: look after nova-conductor and nova-scheduler`;
    return { code: 'conductor-silent', text };
  }
  if (nova.phase !== 'queued' && nova.phase !== 'preparing') return null;
  const sinceMs = Math.max(submittedAtMs, sourceIdleSinceMs ?? nowMs);
  if (nowMs - sinceMs < PREPARED_DEADLINE_MS) return null;
  const text = `Nova's record has been ${nova.status} for ${PREPARED_DEADLINE_MS / 60_000} minutes, and the source migrates nothing: look after nova-compute there and RabbitMQ`;
  return { code: 'compute-silent', text };
}

function advance(seen: Observation, state: MigrationState, text: string): Step {
  const order: MigrationState[] = ['submitted', 'running', 'switching', 'post-copy'];
  if (order.indexOf(seen.state) >= order.indexOf(state)) return { kind: 'wait' };
  return { kind: 'move', state, reason: { code: state, text } };
}

function novaEnd(seen: Observation): Step | null {
  if (seen.nova === null) return null;
  const { phase, status } = seen.nova;
  if (phase === 'completed') {
    return { kind: 'finish', state: 'completed', reason: { code: 'completed', text: 'Nova: completed' } };
  }
  if (phase === 'cancelled') {
    return { kind: 'finish', state: 'aborted', reason: { code: 'cancelled', text: 'it was cancelled in Nova' } };
  }
  if (phase === 'failed') {
    const { source } = seen;
    if (source === null && seen.nova.destination === null) {
      const text = `Nova: ${status}; its scheduler found no host that takes the server: nova-scheduler's log says why`;
      return { kind: 'finish', state: 'failed', reason: { code: 'no-valid-host', text } };
    }
    if (source !== null && source.postCopyPausedAtMs !== null && source.status !== 'completed') {
      const text = `Nova: ${status}; post-copy was interrupted: the guest stands still, parts of its memory on each host. Read libvirt's log there before anything else`;
      return { kind: 'finish', state: 'failed', reason: { code: 'post-copy-interrupted', text } };
    }
    // Seen where Neutron refused to activate the port: libvirt had finished, Nova gave up all the same.
    const arrived = seen.source?.status === 'completed' && seen.destination?.resumedAtMs != null;
    const reason = arrived
      ? {
          code: 'failed-after-arrival',
          text: `Nova: ${status}, though QEMU moved the guest: it runs on the destination, whatever host Nova names`,
        }
      : { code: 'nova-failed', text: `Nova: ${status}; nova-compute's log on the source says why` };
    return { kind: 'finish', state: 'failed', reason };
  }
  return null;
}
