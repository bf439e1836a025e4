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
    endedAtMs: 3,
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
    endedAtMs: 4,
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
    expect(judge(evidence({}))).toEqual({
      ...{ lost: [], doubled: [], wrong: [], accepted: 1, deferred: 1 },
      ...{ movedMeanwhile: [], collided: [], askedAgain: 0 },
    });
  });

  it('knows of one whose chosen host Nova did not take that it was asked for once more, after that', () => {
    const moved = record({ novaMigrationId: 2, refusedMigrationId: 1 });
    const again = { records: [moved], taken: [taken({ end: 'error' }), taken({ migrationId: 2, requestId: 'req-2' })] };
    expect(judge(evidence(again))).toMatchObject({ lost: [], doubled: [], wrong: [], askedAgain: 1 });
    const before = { ...moved, novaMigrationId: 1, refusedMigrationId: 2 };
    const turned = { records: [before], taken: [taken(), taken({ migrationId: 2, end: 'error' })] };
    expect(judge(evidence(turned)).doubled).not.toEqual([]);
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
      {
        taken: [taken(), taken({ migrationId: 2, by: 'caller' as const, tag: 'a' })],
        leftToNova: [{ vmUuid: 'vm', atMs: 1 }],
      },
    ],
    [
      "a client's request went out twice",
      {
        taken: [taken({ tag: 'b', by: 'caller' as const }), taken({ tag: 'b', by: 'caller' as const, migrationId: 2 })],
        leftToNova: [{ vmUuid: 'vm', atMs: 1 }],
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

  it.each([
    ["a record that was deferred claims a client's own", { taken: [taken({ by: 'caller' })] }],
    ['a record that was not deferred claims one that Drover asked for', { records: [record({ deferred: false })] }],
  ])('calls it wrong where %s', (_, change) => {
    expect(judge(evidence(change)).wrong).not.toEqual([]);
  });

  describe('of one that waited while its server was moved', () => {
    const moved = record({
      ...{ state: 'aborted', reasonCode: 'already-moved', novaMigrationId: null, endedAtMs: 9 },
      states: ['received', 'queued', 'aborted'],
    });
    const mover = taken({ by: 'caller', tag: 'b', takenAtMs: 3, endedAtMs: 6, migrationId: 2 });
    const judged = (change: { taken?: Taken[]; records?: BookedMigration[] }, saidAtMs = 2) =>
      judge(evidence({ records: [moved], taken: [mover], leftToNova: [{ vmUuid: 'vm', atMs: saidAtMs }], ...change }));

    it('accepts the end if a request that was left to Nova moved it meanwhile', () => {
      const { lost, doubled, wrong, movedMeanwhile } = judged({});
      expect({ lost, doubled, wrong }).toEqual({ lost: [], doubled: [], wrong: [] });
      expect(movedMeanwhile).toHaveLength(1);
    });

    it.each([
      ['nobody moved it', { taken: [] }],
      ['the other one failed', { taken: [{ ...mover, end: 'failed' as const }] }],
      ['the other one was of another server', { taken: [{ ...mover, vmUuid: 'other' }] }],
      ['the other one had been taken before it came', { taken: [{ ...mover, takenAtMs: 0 }] }],
      ['the other one ended after it', { taken: [{ ...mover, endedAtMs: 10 }] }],
      [
        'Drover itself had moved it for another record',
        {
          taken: [{ ...mover, by: 'service' as const, tag: null }],
          records: [moved, record({ id: 2, novaMigrationId: 2 })],
        },
      ],
      [
        'Drover had moved it for another caller, whose record it is',
        { records: [moved, record({ id: 2, novaMigrationId: 2, deferred: false, requestId: null })] },
      ],
      ['it ended for another reason', { records: [{ ...moved, reasonCode: 'restarted' }] }],
    ])('calls it lost where %s', (_, change) => {
      expect(judged(change).lost).not.toEqual([]);
      expect(judged(change).movedMeanwhile).toEqual([]);
    });

    it('calls it lost where nobody had said before that a request is left to Nova', () => {
      expect(judged({}, 4).lost).not.toEqual([]);
    });

    it('calls it doubled where it was moved by its own request', () => {
      expect(judged({ taken: [{ ...mover, tag: 'a' }] }).doubled).not.toEqual([]);
    });
  });

  describe('of one that Nova refused since another ran', () => {
    const other = taken({ by: 'caller', tag: 'b', takenAtMs: 3, endedAtMs: 6, migrationId: 2 });
    const judged = (atMs: number, by: 'caller' | 'service' = 'service') =>
      judge(
        evidence({
          ledger: {
            taken: [taken(), other],
            overlaps: [{ vmUuid: 'vm', by, tag: null, atMs }],
            turnedAway: 0,
            faults: 0,
          },
          leftToNova: [{ vmUuid: 'vm', atMs: 2 }],
        }),
      );

    it('accepts it while one ran that was left to Nova, and at no other time', () => {
      expect(judged(5)).toMatchObject({ doubled: [], collided: [expect.any(String)] });
      expect(judged(7)).toMatchObject({ doubled: [expect.any(String)], collided: [] });
    });

    it("does not mind a client's", () => {
      expect(judged(7, 'caller')).toMatchObject({ doubled: [], collided: [] });
    });
  });
});
