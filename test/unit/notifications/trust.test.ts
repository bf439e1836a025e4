import { expect, it } from 'vitest';
import { retryAfterMs } from '../../../plugin/notifications/backoff.ts';
import { Trust } from '../../../plugin/notifications/trust.ts';

function listening(): Trust {
  const trust = new Trust();
  trust.begin(0);
  return trust;
}

it('only a host that was heard is relied on, and only while somebody listens', () => {
  const trust = listening();
  expect(trust.tells('compute-1')).toBe(false);
  trust.heard('compute-1');
  expect(trust.tells('compute-1')).toBe(true);
  expect(trust.tells('compute-2')).toBe(false);
  trust.end();
  expect(trust.tells('compute-1')).toBe(false);
});

it('one that was not heard for a day is not relied on', () => {
  const trust = listening();
  trust.heard('compute-1', 0);
  expect(trust.tells('compute-1', 86_399_999)).toBe(true);
  expect(trust.tells('compute-1', 86_400_000)).toBe(false);
});

it('a migration that was completed untold ends the trust until the host is heard again', () => {
  const trust = listening();
  trust.heard('compute-1');
  trust.completed('compute-1', false, 1);
  expect(trust.tells('compute-1')).toBe(false);
  expect(trust.silent).toEqual(['compute-1']);
  trust.heard('compute-1');
  expect(trust.tells('compute-1')).toBe(true);
  expect(trust.silent).toEqual([]);
});

it('what was completed while nobody listened says nothing of the host', () => {
  const trust = new Trust();
  trust.completed('compute-1', false, 1);
  expect(trust.silent).toEqual([]);
});

it('what was over when it was looked at first, or ran before anybody listened, says nothing of the host', () => {
  const trust = new Trust();
  trust.begin(1000);
  trust.completed('compute-1', false, null);
  trust.completed('compute-1', false, 999);
  expect(trust.silent).toEqual([]);
  trust.completed('compute-1', false, 1001);
  expect(trust.silent).toEqual(['compute-1']);
});

it('attempts come further apart, half a minute at most, and not all at once', () => {
  expect([1, 2, 4, 7, 5000].map((failures) => retryAfterMs(failures, 1))).toEqual([500, 1000, 4000, 30_000, 30_000]);
  expect([1, 2, 4, 7, 5000].map((failures) => retryAfterMs(failures, 0))).toEqual([250, 500, 2000, 15_000, 15_000]);
});
