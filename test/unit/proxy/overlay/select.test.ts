import { expect, test } from 'vitest';
import { matches, notYetNovas, pageOf, parametersOf } from '../../../../plugin/proxy/overlay/select.ts';
import type { WaitingMigration } from '../../../../plugin/proxy/overlay/views.ts';

const WAITING: WaitingMigration = {
  id: 7,
  vmUuid: '1328abc4-0a08-459d-b259-31886bc2a35d',
  projectId: 'project',
  userId: 'user',
  source: 'compute-1',
  sourceNode: 'node-1',
  destination: 'compute-2',
  createdAtMs: Date.UTC(2026, 10, 22, 11, 32, 49, 987),
  updatedAtMs: Date.UTC(2026, 10, 22, 11, 32, 50, 987),
  status: 'queued',
  asked: false,
};

test.each([
  ['', '2.1', true],
  ['status=queued', '2.1', true],
  ['status=QUEUED', '2.1', true],
  ['status=running', '2.1', false],
  ['status=running&status=queued', '2.1', true],
  ['status=queued&status=running', '2.1', false],
  ['status=', '2.1', false],
  ['host=compute-1', '2.1', true],
  ['host=compute-2', '2.1', true],
  ['host=compute-3', '2.1', false],
  ['source_compute=compute-1', '2.1', true],
  ['source_compute=compute-2', '2.1', false],
  ['source_compute=compute-2&host=compute-2', '2.1', true],
  ['node=node-1', '2.1', true],
  ['node=node-2', '2.1', false],
  ['migration_type=live-migration', '2.1', true],
  ['migration_type=resize', '2.1', false],
  ['hidden=0', '2.1', true],
  ['hidden=1', '2.1', false],
  ['instance_uuid=1328abc4-0a08-459d-b259-31886bc2a35d', '2.1', true],
  ['instance_uuid=1328abc4-0a08-459d-b259-31886bc2a35e', '2.1', false],
  ['user_id=user&project_id=project', '2.80', true],
  ['user_id=other', '2.80', false],
  ['project_id=other', '2.80', false],
  ['changes-since=2026-11-22T11:32:50Z', '2.59', true],
  ['changes-since=2026-11-22T11:32:51Z', '2.59', false],
  ['changes-since=2026-11-22T11:32:51Z', '2.58', true],
  ['changes-since=2026-11-22T11%3A32%3A51', '2.59', false],
  ['changes-since=2026-11-22T12:32:50%2B01:00', '2.59', true],
  ['changes-since=2026-11-22T12:32:51%2B01', '2.59', false],
  ['changes-since=2026-11-22', '2.59', true],
  ['changes-since=whenever', '2.59', false],
  ['changes-before=2026-11-22T11:32:50Z', '2.66', true],
  ['changes-before=2026-11-22T11:32:49Z', '2.66', false],
  ['changes-before=2026-11-22T11:32:49Z', '2.58', true],
])('?%s in %s: listed %s', (query, microversion, listed) => {
  expect(matches(WAITING, parametersOf(`/os-migrations?${query}`), microversion)).toBe(listed);
});

const entry = (id: number, second: number) => ({ id, created_at: `2026-11-22T00:00:0${second}.000000` });

test.each([
  ['a page that Nova filled keeps its length', [9, 7], true, [8], 2, [9, 8], true],
  ['a limit of Nova’s below the caller’s counts', [9, 7], true, [8], 100, [9, 8], true],
  ['a page that is full only with ours gets a link', [9], false, [8], 2, [9, 8], true],
  ['a page that is not full gets none', [9], false, [8], 3, [9, 8], false],
  ['without a limit all come', [9], false, [8, 7], null, [9, 8, 7], false],
  ['a limit of none gives none', [], false, [8], 0, [], false],
] as const)('%s', (_name, listed, full, added, limit, ids, more) => {
  const at = (seconds: readonly number[]) => seconds.map((second) => entry(second, second));
  const page = pageOf(at(listed), full, at(added), limit);
  expect(page.entries.map(({ id }) => id)).toEqual(ids);
  expect(page.more).toBe(more);
});

test('within one second the higher id comes first', () => {
  expect(
    pageOf([entry(3, 1), entry(1, 1)], false, [entry(2_000_000_001, 1)], null).entries.map(({ id }) => id),
  ).toEqual([2_000_000_001, 3, 1]);
});

test('one that Nova was asked for goes when Nova’s own record of it is seen, not when an old one is', () => {
  const nova = (status: string) => [{ ...entry(1, 1), status, instance_uuid: WAITING.vmUuid }];
  const asked = { ...WAITING, asked: true };
  expect(notYetNovas([asked], nova('preparing'))).toEqual([]);
  expect(notYetNovas([asked], nova('completed'))).toEqual([asked]);
  expect(notYetNovas([WAITING], nova('preparing'))).toEqual([WAITING]);
});
