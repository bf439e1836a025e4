import { expect, it } from 'vitest';
import { meaningOf } from '../../../plugin/notifications/meaning.ts';

it.each([
  ['instance.live_migration_post.end', 'ended', true],
  ['instance.live_migration_rollback.end', 'ended', true],
  ['instance.live_migration_abort.end', 'ended', true],
  ['instance.live_migration_post.start', 'changed', true],
  ['instance.live_migration_pre.start', 'changed', true],
  ['instance.live_migration_post_dest.end', 'changed', true],
  ['instance.live_migration_rollback_dest.end', 'changed', true],
  ['instance.live_migration_force_complete.end', 'changed', true],
  ['instance.delete.end', null, true],
  ['instance.update', null, true],
  ['instance.lock', null, true],
  ['instance.exists', null, false],
] as const)('%s: migration %s, server %s', (eventType, migration, server) => {
  expect(meaningOf(eventType)).toEqual({ migration, server });
});
