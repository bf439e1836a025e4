import { expect, test } from 'vitest';
import { widened } from '../../../../../plugin/proxy/overlay/servers/filter.ts';

test.each([
  ['status=MIGRATING', 'status=MIGRATING&status=ACTIVE&status=PAUSED', null],
  ['limit=5&status=migrating&name=x', 'status=migrating&name=x&status=ACTIVE&status=PAUSED', 5],
  ['status=MIGRATING&status=REBOOT', 'status=MIGRATING&status=REBOOT&status=ACTIVE&status=PAUSED', null],
  ['task_state=migrating&all_tenants=1', 'all_tenants=1', null],
  ['status=ACTIVE&task_state=none&task_state=MIGRATING&limit=x', 'status=ACTIVE', null],
  ['status=MIGRATING&task_state=rebooting', 'status=MIGRATING&status=ACTIVE&status=PAUSED', null],
])('?%s asks for migrating servers only; more widely it is ?%s', (query, wide, limit) => {
  expect(widened(`/v2.1//servers/detail?${query}`)).toEqual({ target: `/v2.1//servers/detail?${wide}`, limit });
});

test.each([
  'all_tenants=1',
  'status=ACTIVE',
  'status=MIGRATING&status=active',
  'status=MIGRATING&status=ERROR',
  'status=REBOOT',
  'status=REBOOT&task_state=migrating',
  'task_state=migrating&task_state=rebooting',
  'vm_state=active',
  'x=status%3DMIGRATING',
  '',
])('?%s lists in Nova what it should', (query) => {
  expect(widened(`/v2.1/servers/detail?${query}`)).toBeNull();
});
