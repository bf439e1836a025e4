import { describe, expect, it } from 'vitest';
import { caseOf, classOf, LITERATURE } from '../../bench/predict/cases.ts';
import { leaveOut, score } from '../../bench/predict/evaluate.ts';
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
