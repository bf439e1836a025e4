import { expect, it } from 'vitest';
import type { Ask } from '../../../../bot/asks/ask.ts';
import { linesOf } from '../../../../bot/asks/lines.ts';
import type { MigrationEvent } from '../../../../plugin/contract.ts';
import { ask, askedVm, NOW_MS, record } from '../migrations.ts';

const event = (id: number, state: MigrationEvent['state'], code: string): MigrationEvent => ({
  id,
  migrationId: 42,
  atMs: NOW_MS,
  state,
  reason: { code, text: code },
});
const EVENTS = [event(1, 'queued', 'asked'), event(2, 'running', 'running'), event(3, 'failed', 'no-valid-host')];

function told(count: number): string[] {
  const others = Array.from({ length: count - 1 }, (_, index) =>
    askedVm(`db-${index}`, { migration: record('x', { id: 100 + index }) }),
  );
  const before: Ask = ask({ vms: [askedVm('web-1'), ...others] });
  const after = { ...before, vms: [{ ...(before.vms[0] as (typeof before.vms)[0]) }, ...others] };
  return linesOf(before, after, EVENTS).map(({ text }) => text);
}

it('the thread tells all of a few servers, and of many what is not as usual', () => {
  expect(told(10)).toEqual(['queued: asked', 'running: running', 'failed: no-valid-host']);
  expect(told(11)).toEqual(['failed: no-valid-host']);
});
