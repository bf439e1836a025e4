import { describe, expect, it } from 'vitest';
import {
  endedByChosen,
  isChoosable,
  refusesChosen,
  requestOf,
  unchosen,
} from '../../../../plugin/controller/execute/chosen.ts';
import type { StoredMigration } from '../../../../plugin/controller/store/store.ts';
import type { KeptRequest } from '../../../../plugin/nova/control.ts';
import { flying } from '../plan/worlds.ts';

const REQUEST: KeptRequest = {
  host: null,
  blockMigration: 'auto',
  diskOverCommit: null,
  force: null,
  microversion: '2.80',
};

function entry(request: Partial<KeptRequest> = {}, host: string | null = 'compute-3') {
  const { decision } = flying(1);
  const destination = host === null ? null : { host, rejected: [] };
  return {
    request: { ...REQUEST, ...request },
    decision: decision && { ...decision, destination },
    novaMigrationId: 7,
  } as Pick<StoredMigration, 'request' | 'decision' | 'novaMigrationId'>;
}

describe('a destination that Drover chose', () => {
  it('is asked for where Nova verifies it and answers before its checks, and none was asked for', () => {
    const may = (change: Partial<KeptRequest>) => isChoosable({ ...REQUEST, ...change });
    expect([may({}), may({ microversion: 'latest' }), may({ force: false })]).toEqual([true, true, true]);
    expect([may({ microversion: '2.33' }), may({ microversion: '2.25' }), may({ microversion: '2.1' })]).toEqual([
      false,
      false,
      false,
    ]);
    expect([
      may({ host: 'compute-2' }),
      may({ force: true }),
      may({ refused: { host: 'compute-3', novaMigrationId: 7 } }),
    ]).toEqual([false, false, false]);
  });

  it('goes into the request that Nova gets, without force; else that is as it came', () => {
    expect(requestOf(entry({ force: false }))).toEqual({ ...REQUEST, host: 'compute-3', force: null });
    const others = [
      entry({}, null),
      entry({ refused: { host: 'compute-3', novaMigrationId: 7 } }),
      entry({ host: 'compute-2' }),
    ];
    for (const other of others) expect(requestOf(other)).toBe(other.request);
  });

  it('is refused by 400 and 403, and by an end before the scheduler chose; nothing else is its fault', () => {
    expect([400, 403, 404, 409, 503].map((status) => refusesChosen(entry(), status))).toEqual([
      ...[true, true, false, false, false],
    ]);
    expect(refusesChosen(entry({}, null), 400)).toBe(false);
    expect(endedByChosen(entry(), { code: 'no-valid-host', text: '' })).toBe(true);
    expect(endedByChosen(entry(), { code: 'nova-failed', text: '' })).toBe(false);
    expect(
      endedByChosen(entry({ refused: { host: 'compute-3', novaMigrationId: 7 } }), { code: 'no-valid-host', text: '' }),
    ).toBe(false);
  });

  it('is forgotten on the way back to the queue, and where Nova refused it no other is chosen', () => {
    expect(unchosen(entry())).toMatchObject({ destination: null, decision: { destination: null } });
    expect(unchosen(entry())).not.toHaveProperty('request');
    const refused = unchosen(entry(), true);
    expect(refused).toMatchObject({ destination: null, novaMigrationId: null, submittedAtMs: null });
    expect(refused.request?.refused).toEqual({ host: 'compute-3', novaMigrationId: 7 });
    expect(isChoosable(refused.request as KeptRequest)).toBe(false);
    expect(unchosen(entry({ host: 'compute-2' }, null), true)).toEqual({});
  });
});
