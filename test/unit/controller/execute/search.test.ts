import { pino } from 'pino';
import { expect, test } from 'vitest';
import { concluded, wasTaken } from '../../../../plugin/controller/execute/search.ts';
import type { Entry } from '../../../../plugin/controller/queue.ts';
import type { SeenOfIt } from '../../../../plugin/nova/control.ts';

test.each([
  ['ours', true, true],
  ['others', null, null],
  ['unrecorded', null, true],
  ['none', null, false],
] as const)('%s: taken is %s while the request may be on its way, %s afterwards', (seen, early, late) => {
  expect(concluded(seen, false)).toBe(early);
  expect(concluded(seen, true)).toBe(late);
});

/** Answers of Nova's, one after the other; the last one stays. */
function search(answers: (SeenOfIt | Error)[], withinMs: number, signal = new AbortController().signal) {
  const entry = { id: 1, vmUuid: 'vm', submittedAtMs: 1, deferred: true, request: {} } as unknown as Entry;
  const seen = async () => {
    const now = answers.length > 1 ? answers.shift() : answers[0];
    if (now === undefined || now instanceof Error) throw now;
    return now;
  };
  return wasTaken(entry, withinMs, { nova: { seen }, log: pino({ level: 'silent' }), signal });
}

test('it is looked for until Nova answers with something to go by', async () => {
  expect(await search([new Error('down'), 'others', 'ours'], 60_000)).toBe(true);
  expect(await search([new Error('down'), 'others', 'none'], 0)).toBe(false);
});

test('nothing is concluded after a stop', async () => {
  expect(await search(['none'], 60_000, AbortSignal.timeout(50))).toBeNull();
});
