import { expect, it } from 'vitest';
import type { NovaCalls, Right } from '../../../plugin/nova/control.ts';
import { whileLeading } from '../../../plugin/replica/guard.ts';

const request = {
  host: null,
  blockMigration: 'auto' as const,
  diskOverCommit: null,
  force: null,
  microversion: '2.93',
};

function guarded() {
  const term = new AbortController();
  const election = { leads: () => !term.signal.aborted, term: term.signal };
  const asked: (Right | undefined)[] = [];
  const calls = {
    submit: async (_vm: string, _request: object, right?: Right) => {
      asked.push(right);
      return { status: 202, text: '' };
    },
    forceComplete: async () => 202,
    abort: async () => ({ status: 202, text: '' }),
  } as unknown as NovaCalls;
  return { term, asked, calls: whileLeading(calls, () => election) };
}

it('gives a submission the right of the present lead, which ends with it', async () => {
  const { term, asked, calls } = guarded();
  expect(await calls.submit('vm', request)).toEqual({ status: 202, text: '' });
  const [right] = asked;
  expect(right?.stands()).toBe(true);
  term.abort();
  expect(right?.stands()).toBe(false);
  expect(right?.signal.aborted).toBe(true);
});

it('changes nothing at Nova where it does not lead, and says so as Nova says "not now"', async () => {
  const { term, asked, calls } = guarded();
  term.abort();
  expect(await calls.submit('vm', request)).toBe('unknown');
  expect(await calls.forceComplete('vm', 1)).toBe(400);
  expect(await calls.abort('vm', 1)).toMatchObject({ status: 503 });
  expect(asked).toEqual([]);
});

it('changes nothing before there is an election', async () => {
  const { asked, calls } = guarded();
  expect(await whileLeading(calls, () => null).submit('vm', request)).toBe('unknown');
  expect(asked).toEqual([]);
});
