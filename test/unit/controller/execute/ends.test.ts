import type { MigrationView } from 'drover-hostd/contract';
import { describe, expect, it } from 'vitest';
import {
  ACCEPTED_DEADLINE_MS,
  follow,
  type Observation,
  PREPARED_DEADLINE_MS,
} from '../../../../plugin/controller/execute/follow.ts';
import { SOURCE as FIRST_PASS } from './view.ts';

const SOURCE: MigrationView = {
  ...FIRST_PASS,
  passes: [1, 2].map((pass) => ({ pass, atMs: 1000 + pass })),
  iterations: 2,
};
const PAUSED: MigrationView = { ...SOURCE, status: 'post-copy-paused', postCopyAtMs: 1200, postCopyPausedAtMs: 1300 };

function seen(change: Partial<Observation>): Observation {
  return {
    nowMs: 2000,
    state: 'submitted',
    submittedAtMs: 1000,
    technique: 'hybrid-copy',
    nova: { phase: 'running', status: 'running', destination: 'compute-2' },
    source: null,
    destination: null,
    postCopyPermitted: true,
    forcedAtMs: null,
    ...change,
  };
}

const FAILED = { phase: 'failed', status: 'error' } as const;

describe('follow to the end', () => {
  it.each<[string, Partial<Observation>]>([
    ['no-valid-host', { nova: { ...FAILED, destination: null } }],
    ['nova-failed', { nova: { ...FAILED, destination: 'compute-2' } }],
    ['nova-failed', { nova: { ...FAILED, destination: null }, source: { ...SOURCE, status: 'failed' } }],
    ['post-copy-interrupted', { nova: { ...FAILED, destination: 'compute-2' }, source: PAUSED }],
  ])('a failure of Nova’s is %s', (code, change) => {
    expect(follow(seen(change))).toMatchObject({ kind: 'finish', state: 'failed', reason: { code } });
  });

  it('post-copy that was interrupted and went on again is none of these', () => {
    const recovered = { ...PAUSED, status: 'completed' } as const;
    const nova = { ...FAILED, destination: 'compute-2' };
    expect(follow(seen({ nova, source: recovered }))).toMatchObject({ reason: { code: 'nova-failed' } });
  });

  it('an interruption is noted once, and followed further', () => {
    const nova = { phase: 'post-copy', status: 'running (post-copy)' } as const;
    expect(follow(seen({ nova, source: PAUSED }))).toMatchObject({
      kind: 'note',
      reason: { code: 'post-copy-paused' },
    });
    const noted = new Set(['post-copy-paused']);
    expect(follow(seen({ nova, source: PAUSED, noted }))).toMatchObject({ kind: 'move', state: 'post-copy' });
  });

  it('a record that stays accepted fails after 10 minutes', () => {
    const nova = { phase: 'queued', status: 'accepted' } as const;
    const judged = (ms: number) => follow(seen({ nova, nowMs: 1000 + ms }));
    expect(judged(ACCEPTED_DEADLINE_MS - 1)).toEqual({ kind: 'wait' });
    expect(judged(ACCEPTED_DEADLINE_MS)).toMatchObject({ state: 'failed', reason: { code: 'conductor-silent' } });
  });

  it.each(['queued', 'preparing'] as const)('one that stays %s fails after an hour of an idle source', (phase) => {
    const judged = (change: Partial<Observation>) =>
      follow(seen({ nova: { phase, status: phase }, sourceIdleSinceMs: 1000, ...change }));
    const lateMs = 1000 + PREPARED_DEADLINE_MS;
    expect(judged({ nowMs: lateMs - 1 })).toEqual({ kind: 'wait' });
    expect(judged({ nowMs: lateMs })).toMatchObject({ state: 'failed', reason: { code: 'compute-silent' } });
    expect(judged({ nowMs: lateMs, sourceIdleSinceMs: 2000 })).toEqual({ kind: 'wait' });
    // It is not known whether the source has anything to do.
    expect(judged({ nowMs: lateMs * 10, sourceIdleSinceMs: null })).toEqual({ kind: 'wait' });
    // QEMU has begun, though Nova does not say so yet.
    expect(judged({ nowMs: lateMs * 10, source: SOURCE, technique: 'pre-copy' })).toMatchObject({ kind: 'move' });
  });

  it('what was forced by hand is not forced again', () => {
    expect(follow(seen({ source: SOURCE }))).toMatchObject({ kind: 'force-complete' });
    expect(follow(seen({ source: SOURCE, forcedByHand: true }))).toMatchObject({ kind: 'move', state: 'running' });
  });
});
