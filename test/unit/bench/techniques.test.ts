import { describe, expect, it } from 'vitest';
import { TECHNIQUES } from '../../../plugin/model/predict.ts';
import { runFluid } from '../../bench/techniques/fluid.ts';
import { allCells } from '../../bench/techniques/grid.ts';
import { regretOf } from '../../bench/techniques/regret.ts';
import { shippedPolicy } from '../../bench/techniques/shipped.ts';

/** Every third cell once; all of them, more than once: `npm run bench:techniques -- --fluid`. */
const CELLS = allCells().filter((_, index) => index % 3 === Math.floor(index / 9) % 3);

describe('default.yaml in the simulator', () => {
  const results = runFluid({
    policies: [shippedPolicy('default.yaml'), shippedPolicy('seed.yaml')],
    repetitions: 1,
    limitSeconds: 300,
    seed: 7,
    cells: CELLS,
  });
  const judge = (name: string) =>
    regretOf(
      results.map(({ outcome, decision }) => ({
        seconds: {
          'pre-copy': outcome['pre-copy'].seconds,
          'post-copy': outcome['post-copy'].seconds,
          'hybrid-copy': outcome['hybrid-copy'].seconds,
        },
        chosen: decision[name]?.technique ?? 'pre-copy',
      })),
    );

  it('is within 5 % of the best technique in nine of ten cells, and far better than the table', () => {
    const { cells, within5, meanSeconds } = judge('default.yaml');
    expect(within5 / cells).toBeGreaterThanOrEqual(0.9);
    expect(meanSeconds).toBeLessThan(0.7 * judge('seed.yaml').meanSeconds);
  });

  it('no technique is the answer everywhere', () => {
    const { bestSingle, meanSeconds } = judge('default.yaml');
    expect(meanSeconds).toBeLessThan(bestSingle.meanSeconds);
    const best = results.map(({ outcome }) =>
      TECHNIQUES.reduce((a, b) => (outcome[b].seconds < 0.95 * outcome[a].seconds ? b : a)),
    );
    expect(new Set(best).size).toBeGreaterThan(1);
  });
});
