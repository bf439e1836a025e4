import { describe, expect, it } from 'vitest';
import { MigrationState } from '../../../plugin/contract.ts';
import { type Resumption, resumption } from '../../../plugin/replica/resume.ts';

const record = (change: Partial<NonNullable<Parameters<typeof resumption>[0]>>) => ({
  state: 'received' as const,
  stateReason: null,
  deferred: false,
  novaMigrationId: null,
  ...change,
});
const ended = (state: 'failed' | 'aborted', code: string) => record({ state, stateReason: { code, text: '' } });

describe('resumption', () => {
  it.each<[string, Parameters<typeof resumption>[0], Resumption]>([
    ['nothing was written down', null, 'anew'],
    ['its leader ended before it asked Nova', ended('aborted', 'restarted'), 'anew'],
    ['Nova never had it', ended('aborted', 'never-reached-nova'), 'anew'],
    ['Nova refused it', ended('failed', 'nova-refused'), 'anew'],
    ['Nova took it and lost it', ended('failed', 'nova-record-missing'), 'taken'],
    ['it was accepted to wait', record({ state: 'queued', deferred: true }), 'taken'],
    ['it was accepted and given up since', { ...ended('aborted', 'cancelled'), deferred: true }, 'taken'],
    ['nobody knows whether Nova was asked', record({ state: 'submitted' }), 'open'],
    ['Nova has it', record({ state: 'submitted', novaMigrationId: 7 }), 'taken'],
    ['Nova had it and it failed', { ...ended('failed', 'nova-failed'), novaMigrationId: 7 }, 'taken'],
  ])('where %s', (_what, kept, is) => {
    expect(resumption(kept)).toBe(is);
  });

  it('takes nothing anew that Nova may have, in any state', () => {
    for (const state of MigrationState.options) {
      expect(resumption(record({ state, novaMigrationId: 1 }))).toBe('taken');
      expect(resumption(record({ state, deferred: true }))).toBe('taken');
      if (state !== 'failed' && state !== 'aborted') expect(resumption(record({ state }))).not.toBe('anew');
    }
  });
});
