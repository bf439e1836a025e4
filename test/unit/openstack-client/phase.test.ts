import type { Migration } from 'openstack-client-ts';
import { expect, test } from 'vitest';
import { isFinal, novaPhase, pickMigration } from '../../../plugin/nova/phase.ts';

test.each([
  ['accepted', 'queued', false],
  ['queued', 'queued', false],
  ['preparing', 'preparing', false],
  ['running', 'running', false],
  ['running (post-copy)', 'post-copy', false],
  ['post-migrating', 'finishing', false],
  ['completed', 'completed', true],
  ['cancelled', 'cancelled', true],
  ['failed', 'failed', true],
  ['error', 'failed', true],
  ['a status of a newer Nova', 'running', false],
])('Nova’s status %s is the phase %s', (status, phase, final) => {
  expect(novaPhase(status)).toBe(phase);
  expect(isFinal(novaPhase(status))).toBe(final);
});

function migration(id: number, createdAtMs: number, migrationType = 'live-migration'): Migration {
  return {
    id,
    uuid: `uuid-${id}`,
    status: 'running',
    migrationType,
    instanceUuid: 'vm',
    sourceCompute: 'a',
    destCompute: 'b',
    createdAtMs,
    updatedAtMs: null,
    userId: null,
    projectId: null,
  };
}

test('the earliest live migration since the request is ours', () => {
  const all = [migration(9, 9000), migration(8, 7000), migration(7, 6000, 'resize'), migration(3, 1000)];
  expect(pickMigration(all, { sinceMs: 6500, skewMs: 0 })?.id).toBe(8);
  expect(pickMigration(all, { sinceMs: 7900, skewMs: 1000 })?.id).toBe(8);
  expect(pickMigration(all, { sinceMs: 6500, skewMs: 0, newestBefore: 8 })?.id).toBe(9);
  expect(pickMigration(all, { sinceMs: 10_001, skewMs: 0 })).toBeNull();
  expect(pickMigration([migration(5, 7000), migration(4, 7000)], { sinceMs: 7000, skewMs: 0 })?.id).toBe(4);
});

test('Nova cuts its times to whole seconds, so a record may seem older than its request', () => {
  expect(pickMigration([migration(4, 7000)], { sinceMs: 7999, skewMs: 0 })?.id).toBe(4);
});

test('what somebody else asked for is not ours, however well it fits', () => {
  const theirs = { ...migration(4, 7000), userId: 'caller' };
  const ours = { ...migration(5, 7000), userId: 'drover' };
  const wanted = { sinceMs: 7000, skewMs: 0, userId: 'drover' };
  expect(pickMigration([ours, theirs], wanted)?.id).toBe(5);
  expect(pickMigration([theirs], wanted)).toBeNull();
});

test('a finished migration of just before is not taken for the one that is awaited', () => {
  const before = { ...migration(4, 7000), status: 'completed' };
  expect(pickMigration([before], { sinceMs: 11_000, skewMs: 5000 })).toBeNull();
  expect(pickMigration([before, migration(5, 11_000)], { sinceMs: 11_000, skewMs: 5000 })?.id).toBe(5);
  // The clocks differ: ours runs, though Nova says it began earlier.
  expect(pickMigration([before, migration(5, 8000)], { sinceMs: 11_000, skewMs: 5000 })?.id).toBe(5);
});
