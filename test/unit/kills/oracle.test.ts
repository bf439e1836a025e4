import { describe, expect, it } from 'vitest';
import type { Taken } from '../../cloud/ledger.ts';
import type { BookedMigration } from '../../kills/book.ts';
import type { Asked } from '../../kills/clients.ts';
import { type Evidence, judge } from '../../kills/oracle.ts';

function taken(change: Partial<Taken> = {}): Taken {
  return {
    vmUuid: 'vm',
    by: 'service',
    tag: null,
    requestId: 'req-nova',
    takenAtMs: 2,
    migrationId: 1,
    end: 'completed',
    ...change,
  };
}

function record(change: Partial<BookedMigration> = {}): BookedMigration {
  return {
    id: 1,
    vmUuid: 'vm',
    state: 'completed',
    reasonCode: 'completed',
    deferred: true,
    receivedAtMs: 1,
    novaMigrationId: 1,
    requestId: 'req-drover',
    states: ['received', 'queued', 'reserving', 'submitted', 'completed'],
    ...change,
  };
}

function asked(change: Partial<Asked> = {}): Asked {
  return {
    tag: 'a',
    vmUuid: 'vm',
    sentAtMs: 1,
    endedAtMs: 2,
    outcome: { status: 202, requestId: 'req-drover' },
    ...change,
  };
}

function evidence(
  change: { taken?: Taken[]; records?: BookedMigration[]; asked?: Asked[] } & Partial<Evidence>,
): Evidence {
  const { taken: all = [taken()], records = [record()], asked: requests = [asked()], ...rest } = change;
  return {
    asked: requests,
    ledger: { taken: all, overlaps: [], turnedAway: 0, faults: 0 },
    book: { integrity: 'ok', migrations: records },
    leases: [],
    leftToNova: [],
    ...rest,
  };
}

describe('The judge of a run with kills', () => {
  it('finds nothing where each accepted migration came to one end', () => {
    expect(judge(evidence({}))).toEqual({ lost: [], doubled: [], wrong: [], accepted: 1, deferred: 1 });
  });

  it.each([
    ['an accepted one has no record', { records: [], taken: [] }],
    ['an accepted one is still waiting', { records: [record({ state: 'queued', novaMigrationId: null })], taken: [] }],
    [
      'an accepted one was given up',
      { records: [record({ state: 'aborted', reasonCode: 'restarted', novaMigrationId: null })], taken: [] },
    ],
  ])('calls it lost where %s', (_, change) => {
    expect(judge(evidence(change)).lost).not.toEqual([]);
  });

  it.each([
    ['Drover asked twice for one', { taken: [taken(), taken({ migrationId: 2, requestId: 'req-2' })] }],
    [
      'a request went to Nova and waits as well',
      { taken: [taken(), taken({ migrationId: 2, by: 'caller' as const, tag: 'a' })], leftToNova: ['vm'] },
    ],
    [
      "a client's request went out twice",
      {
        taken: [taken({ tag: 'b', by: 'caller' as const }), taken({ tag: 'b', by: 'caller' as const, migrationId: 2 })],
        leftToNova: ['vm'],
      },
    ],
    [
      'Drover asked while another ran',
      {
        ledger: {
          taken: [taken()],
          overlaps: [{ vmUuid: 'vm', by: 'service' as const, tag: null, atMs: 1 }],
          turnedAway: 0,
          faults: 0,
        },
      },
    ],
  ])('calls it doubled where %s', (_, change) => {
    expect(judge(evidence(change)).doubled).not.toEqual([]);
  });

  it.each([
    ['a record says otherwise than Nova', { records: [record({ state: 'failed' })] }],
    ['a record ended twice', { records: [record({ states: ['received', 'failed', 'completed'] })] }],
    ['two records claim one migration', { records: [record(), record({ id: 2, requestId: null })] }],
    ['a lease is left', { leases: ['migration-1'] }],
    ['the database is damaged', { book: { integrity: 'row 3 missing', migrations: [record()] } }],
    [
      'nobody said that a request is left to Nova',
      { taken: [taken(), taken({ migrationId: 2, by: 'caller' as const, tag: 'c' })] },
    ],
  ])('calls it wrong where %s', (_, change) => {
    expect(judge(evidence(change)).wrong).not.toEqual([]);
  });

  it('lets a migration that was accepted end by a refusal of Nova’s', () => {
    const refused = record({
      state: 'failed',
      reasonCode: 'nova-refused',
      novaMigrationId: null,
      states: ['queued', 'failed'],
    });
    expect(judge(evidence({ records: [refused], taken: [] }))).toMatchObject({ lost: [], doubled: [], wrong: [] });
  });
});
