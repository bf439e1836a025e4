import { describe, expect, it } from 'vitest';
import {
  FORCE_AGAIN_MS,
  follow,
  type Observation,
  RECORD_DEADLINE_MS,
} from '../../../../plugin/controller/execute/follow.ts';
import { SOURCE } from './view.ts';

function seen(change: Partial<Observation>): Observation {
  return {
    nowMs: 2000,
    state: 'submitted',
    submittedAtMs: 1000,
    technique: 'post-copy',
    nova: { phase: 'running', status: 'running' },
    source: SOURCE,
    destination: null,
    postCopyPermitted: true,
    forcedAtMs: null,
    ...change,
  };
}

describe('follow', () => {
  it('switches to post-copy as soon as QEMU is active', () => {
    expect(follow(seen({}))).toMatchObject({ kind: 'force-complete', reason: { code: 'qemu-active' } });
  });

  it('does not switch while only Nova says running', () => {
    expect(follow(seen({ source: { ...SOURCE, status: 'setup' } })).kind).not.toBe('force-complete');
    expect(follow(seen({ source: null })).kind).not.toBe('force-complete');
  });

  it('waits for the end of the first round before it switches a hybrid-copy', () => {
    expect(follow(seen({ technique: 'hybrid-copy' }))).toMatchObject({ kind: 'move', state: 'running' });
    const second = { ...SOURCE, passes: [...SOURCE.passes, { pass: 2, atMs: 1900 }] };
    expect(follow(seen({ technique: 'hybrid-copy', source: second }))).toMatchObject({
      kind: 'force-complete',
      reason: { code: 'first-round-ended' },
    });
  });

  it('never switches a pre-copy', () => {
    const late = { ...SOURCE, passes: [1, 2, 3, 4].map((pass) => ({ pass, atMs: 1000 + pass })) };
    for (const state of ['submitted', 'running'] as const) {
      expect(follow(seen({ technique: 'pre-copy', source: late, state })).kind).not.toBe('force-complete');
    }
  });

  it('never switches where post-copy is not permitted, because Nova would pause the guest', () => {
    for (const technique of ['post-copy', 'hybrid-copy'] as const) {
      const source = { ...SOURCE, passes: [{ pass: 2, atMs: 1900 }] };
      expect(follow(seen({ technique, source, postCopyPermitted: false })).kind).not.toBe('force-complete');
    }
  });

  it('asks again when a switch was lost, and not before', () => {
    const asked = { state: 'switching', forcedAtMs: 2000 } as const;
    expect(follow(seen({ ...asked, nowMs: 2000 + FORCE_AGAIN_MS - 1 }))).toEqual({ kind: 'wait' });
    expect(follow(seen({ ...asked, nowMs: 2000 + FORCE_AGAIN_MS }))).toMatchObject({ kind: 'force-complete' });
  });

  it('sees post-copy in QEMU before Nova says it', () => {
    const source = { ...SOURCE, status: 'post-copy' as const };
    expect(follow(seen({ state: 'switching', source }))).toMatchObject({ kind: 'move', state: 'post-copy' });
    expect(follow(seen({ state: 'post-copy', source }))).toEqual({ kind: 'wait' });
  });

  it('believes QEMU, not Nova, that a guest is in post-copy, and does not ask a second time for what Nova asked', () => {
    const nova = { phase: 'post-copy', status: 'running (post-copy)' } as const;
    const later = { state: 'switching', forcedAtMs: 0, nowMs: 10 * FORCE_AGAIN_MS, nova } as const;
    expect(follow(seen(later))).toEqual({ kind: 'wait' });
    expect(follow(seen({ ...later, source: null }))).toMatchObject({ kind: 'move', state: 'post-copy' });
  });

  it.each([
    ['completed', 'completed'],
    ['failed', 'failed'],
    ['cancelled', 'aborted'],
  ] as const)('ends when Nova says %s', (phase, state) => {
    expect(follow(seen({ nova: { phase, status: phase } }))).toMatchObject({ kind: 'finish', state });
  });

  it('says where the guest is when Nova gave up after QEMU had moved it', () => {
    const nova = { phase: 'failed', status: 'failed' } as const;
    expect(follow(seen({ nova }))).toMatchObject({ state: 'failed', reason: { code: 'nova-failed' } });
    const source = { ...SOURCE, status: 'completed' as const };
    const destination = { ...SOURCE, role: 'destination' as const, resumedAtMs: 1900 };
    expect(follow(seen({ nova, source, destination }))).toMatchObject({
      state: 'failed',
      reason: { code: 'failed-after-arrival' },
    });
  });

  it('gives up on a request that Nova shows no record of', () => {
    expect(follow(seen({ nova: null, nowMs: 1000 + RECORD_DEADLINE_MS - 1 }))).toEqual({ kind: 'wait' });
    expect(follow(seen({ nova: null, nowMs: 1000 + RECORD_DEADLINE_MS }))).toMatchObject({
      kind: 'finish',
      state: 'failed',
      reason: { code: 'nova-record-missing' },
    });
  });
});
