/** How far a choice is from the best in hindsight. */
import type { Technique } from '../../../plugin/contract.ts';
import { TECHNIQUES } from '../../../plugin/model/predict.ts';

export interface Judged {
  /** Seconds by technique; a censored one has the limit. */
  seconds: Record<Technique, number>;
  chosen: Technique;
}

export interface Regret {
  cells: number;
  /** Cells in which the chosen technique is within 5 % of the fastest. */
  within5: number;
  meanSeconds: number;
  /** Mean of the one technique that is best if it is taken everywhere. */
  bestSingle: { technique: Technique; meanSeconds: number };
  meanBestSeconds: number;
}

export function regretOf(judged: readonly Judged[]): Regret {
  const mean = (of: (each: Judged) => number) => judged.reduce((sum, each) => sum + of(each), 0) / judged.length;
  const best = ({ seconds }: Judged) => Math.min(...TECHNIQUES.map((technique) => seconds[technique]));
  const singles = TECHNIQUES.map((technique) => ({
    technique,
    meanSeconds: mean(({ seconds }) => seconds[technique]),
  }));
  return {
    cells: judged.length,
    within5: judged.filter((each) => each.seconds[each.chosen] <= 1.05 * best(each)).length,
    meanSeconds: mean(({ seconds, chosen }) => seconds[chosen]),
    bestSingle: singles.reduce((a, b) => (b.meanSeconds < a.meanSeconds ? b : a)),
    meanBestSeconds: mean(best),
  };
}

/** One line on how a policy chose: how often well, and how its mean stands to that of the best single technique. */
export function regretLine(name: string, { cells, within5, meanSeconds, bestSingle, meanBestSeconds }: Regret): string {
  const beside = (seconds: number) => {
    const gain = 100 * (1 - seconds / bestSingle.meanSeconds);
    return `${Math.abs(gain).toFixed(1)} % ${gain < 0 ? 'above' : 'below'}`;
  };
  const single = `${bestSingle.technique}, ${bestSingle.meanSeconds.toFixed(2)} s`;
  return `${name}: within 5 % of the best in ${within5} of ${cells} cells; mean TMT ${meanSeconds.toFixed(2)} s, ${beside(meanSeconds)} the best single technique (${single}); best in hindsight ${meanBestSeconds.toFixed(2)} s, ${beside(meanBestSeconds)} it`;
}
