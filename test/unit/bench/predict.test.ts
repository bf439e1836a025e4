import { describe, expect, it } from 'vitest';
import { caseOf, classOf, LITERATURE } from '../../bench/predict/cases.ts';
import { type Case, leaveOut, repetitions, score } from '../../bench/predict/evaluate.ts';
import { generateExecutions } from '../../bench/predict/generate.ts';

/** A short version of `npm run bench:predict`. */
describe('the prediction of executions of the simulator', () => {
  const executed = generateExecutions(4, 3);
  const scored = (fold: (each: (typeof executed)[number]) => string) =>
    score(
      leaveOut(
        executed.map((each) => caseOf(each, fold(each))),
        'totalMigrationTimeMs',
      ).flatMap(({ tried }) => tried),
    );

  it('cross-validated, is within 5 % on average, with intervals that hold', () => {
    const { mapePercent, coveragePercent } = scored((each) => each.repetition);
    expect(mapePercent).toBeLessThan(5);
    expect(coveragePercent).toBeGreaterThan(80);
  });

  it('is within 8 % for classes that it has never seen, and better than the formulas in the literature', () => {
    const { mapePercent } = scored(classOf);
    expect(mapePercent).toBeLessThan(8);
    for (const { seconds } of LITERATURE) {
      const errors = executed.map((each) => Math.abs(seconds(each) - each.observedSeconds) / each.observedSeconds);
      expect((100 * errors.reduce((sum, each) => sum + each, 0)) / errors.length).toBeGreaterThan(mapePercent);
    }
  });
});

describe('what repetitions of the same differ by', () => {
  const [first] = generateExecutions(1, 3);
  if (first === undefined) throw new Error('the simulator made no execution');
  const run = (
    cell: string,
    technique: Case['technique'],
    round: number,
    seconds: number,
  ): Case & { cell: string } => ({
    ...caseOf(first, String(round)),
    cell,
    technique,
    observed: { totalMigrationTimeMs: 1000 * seconds },
  });
  const noise = (runs: ReturnType<typeof run>[]) => repetitions(runs, 'totalMigrationTimeMs', ({ cell }) => cell);

  it('is each against the median of the other rounds', () => {
    const runs = [10, 10, 20].map((seconds, round) => run('a', 'pre-copy', round, seconds));
    expect(noise(runs).map(({ error }) => error)).toEqual([0.5, 0.5, 0.5]);
  });

  it('compares neither cells nor techniques with one another, and leaves out what was not repeated', () => {
    const runs = [
      run('a', 'pre-copy', 1, 10),
      run('a', 'pre-copy', 2, 10),
      run('a', 'post-copy', 1, 4),
      run('b', 'pre-copy', 1, 30),
      run('c', 'pre-copy', 1, 7),
      run('c', 'pre-copy', 1, 9),
    ];
    expect(noise(runs)).toEqual([
      { technique: 'pre-copy', error: 0 },
      { technique: 'pre-copy', error: 0 },
    ]);
  });

  it('leaves out what the figure was not measured of', () => {
    const unmeasured = { ...run('a', 'pre-copy', 2, 10), observed: {} };
    expect(noise([run('a', 'pre-copy', 1, 10), unmeasured])).toEqual([]);
  });
});
