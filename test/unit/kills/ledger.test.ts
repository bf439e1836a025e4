import { expect, it } from 'vitest';
import type { Asked } from '../../kills/clients.ts';
import { ledgerOf } from '../../kills/lab/ledger.ts';

const action = (n: number, change: object = {}) => ({
  ...{ action: 'live-migration', requestId: `req-${n}`, startTimeMs: n * 10_000, userId: 'drover' },
  ...{ projectId: null, message: null, ...change },
});
const migration = (n: number, change: object = {}) => ({
  ...{ id: n, uuid: `uuid-${n}`, status: 'completed', migrationType: 'live-migration', instanceUuid: 'vm' },
  ...{ sourceCompute: 'a', destCompute: 'b', createdAtMs: n * 10_000, updatedAtMs: n * 10_000 + 5000 },
  ...{ userId: 'drover', projectId: null, ...change },
});
const asked = (tag: string, sentAtMs: number, outcome: Asked['outcome']): Asked => {
  return { tag, vmUuid: 'vm', sentAtMs, endedAtMs: sentAtMs + 100, outcome };
};

it('pairs what Nova took with its records, and tells by whom it was asked', () => {
  const server = {
    vmUuid: 'vm',
    actions: [action(2, { userId: 'caller' }), action(1), { ...action(0), action: 'create' }, action(3)],
    migrations: [
      migration(8, { migrationType: 'resize' }),
      migration(12, { status: 'error' }),
      migration(11),
      migration(13, { status: 'running' }),
    ],
  };
  const { taken } = ledgerOf([server], [asked('a', 20_100, 'broken')], 'drover');
  expect(taken).toEqual([
    expect.objectContaining({ requestId: 'req-1', by: 'service', tag: null, migrationId: 11, end: 'completed' }),
    expect.objectContaining({ requestId: 'req-2', by: 'caller', tag: 'a', migrationId: 12, end: 'error' }),
    expect.objectContaining({ requestId: 'req-3', by: 'service', migrationId: 13, end: null, endedAtMs: null }),
  ]);
});

it('gives an action to the client that was told of it, another one to the last that had asked for that server', () => {
  const actions = [1, 2, 3].map((n) => action(n, { userId: 'caller' }));
  const all = [
    asked('first', 9000, 'broken'),
    asked('told', 10_100, { status: 202, requestId: 'req-1' }),
    asked('left', 20_500, 'left'),
    asked('late', 32_000, 'broken'),
  ];
  const { taken } = ledgerOf([{ vmUuid: 'vm', actions, migrations: [] }], all, 'drover');
  // The third is a second one of the client that left: that is found as doubled.
  expect(taken.map(({ tag }) => tag)).toEqual(['told', 'left', 'left']);
});
