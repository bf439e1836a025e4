import { expect, it } from 'vitest';
import { DURATION_BOUNDS_SECONDS, EMPTY_TALLY, tallyEnded } from '../../../../hostd/api/tally.ts';
import type { MigrationView } from '../../../../hostd/contract.ts';

const view = (vmUuid: string, changes: Partial<MigrationView>): MigrationView =>
  ({ vmUuid, role: 'source', status: 'active', startedAtMs: 1000, endedAtMs: null, ...changes }) as MigrationView;

it('counts each migration once, at its end, in the bucket of its duration', () => {
  const running = view('a', {});
  const ended = view('a', { status: 'completed', endedAtMs: 8000 });
  const long = view('b', { status: 'failed', endedAtMs: 9_001_000 });
  const again = view('a', { status: 'completed', startedAtMs: 20_000, endedAtMs: 20_500 });
  const views = [[running], [ended, long], [ended, long], [again], []];
  const tally = views.reduce(tallyEnded, EMPTY_TALLY);
  const bucket = (...at: number[]) =>
    Array.from({ length: DURATION_BOUNDS_SECONDS.length + 1 }, (_, index) => Number(at.includes(index)));
  expect(Object.fromEntries(tally.ended)).toEqual({
    'source completed': { count: 2, sumSeconds: 7.5, buckets: bucket(0, DURATION_BOUNDS_SECONDS.indexOf(10)) },
    'source failed': { count: 1, sumSeconds: 9000, buckets: bucket(DURATION_BOUNDS_SECONDS.length) },
  });
  expect(tally.counted.size).toBe(0);
});
