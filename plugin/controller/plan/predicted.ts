import type { Alternative, Priority, Reason } from '../../contract.ts';
import type { Estimates } from '../../model/calibrate.ts';
import { costSeconds } from '../../model/cost.ts';
import type { MigrationFeatures } from '../../model/features.ts';
import type { TechniqueRule } from '../../policy/schema/technique.ts';
import { predictionOf } from './forecast.ts';
import type { TechniqueChoice } from './technique.ts';

export type PredictRule = Extract<TechniqueRule, { kind: 'predict' }>;

interface Priced {
  estimates: Estimates;
  costSeconds: number;
  /** Why it may not or should not be taken, whatever it costs. */
  obstacle: Reason | null;
}

/**
 * The technique that costs least for this priority. Not considered: one that the gate forbids. Considered only if no
 * other is left: one that would break a hard limit. Pre-copy stands unless another is cheaper by the margin.
 *
 * Margin 5 %, hard limit on the stall 2 s (cost in s):
 *
 * | pre-copy | post-copy | hybrid-copy | chosen      | because                         |
 * |----------|-----------|-------------|-------------|---------------------------------|
 * | 4.0      | 3.9       | 4.2         | pre-copy    | post-copy gains less than 5 %   |
 * | 9.0      | 3.5       | 7.0         | post-copy   | cheapest                        |
 * | 9.0      | 3.5, stall 2.6 s | 7.0  | hybrid-copy | post-copy breaks the limit      |
 * | for ever | gate      | gate        | pre-copy    | nothing else is allowed         |
 */
export function chooseByPrediction(
  rule: PredictRule,
  priority: Priority,
  features: MigrationFeatures,
  estimates: readonly Estimates[],
  gate: Reason | null,
): TechniqueChoice & { chosen: Estimates } {
  const weights = rule.weights[priority];
  const priced: Priced[] = estimates.map((each) => ({
    estimates: each,
    costSeconds: costSeconds(each, weights, features),
    obstacle: gate && each.technique !== 'pre-copy' ? gate : brokenLimit(rule.hardLimits, each),
  }));
  const allowed = priced.filter(({ estimates: { technique } }) => gate === null || technique === 'pre-copy');
  const within = allowed.filter(({ obstacle }) => obstacle === null);
  const field = within.length > 0 ? within : allowed;
  const cheapest = field.reduce((best, each) => (cheaper(each, best) ? each : best));
  const preCopy = field.find(({ estimates: { technique } }) => technique === 'pre-copy');
  const kept = preCopy !== undefined && preCopy.costSeconds <= cheapest.costSeconds / (1 - Math.min(rule.margin, 0.99));
  const chosen = kept ? preCopy : cheapest;

  const reasons: Reason[] = [{ code: 'predicted-cheapest', text: `${describe(chosen)} for priority ${priority}` }];
  if (kept && preCopy !== cheapest) {
    const text = `pre-copy stays: ${describe(cheapest)}, less than ${100 * rule.margin} % cheaper`;
    reasons.push({ code: 'within-margin', text });
  }
  if (within.length === 0) {
    const text = 'every technique would break a limit of the policy: the cheapest of them';
    reasons.push({ code: 'limits-unreachable', text });
  }
  if (gate) reasons.push({ ...gate, text: `pre-copy only: ${gate.text}` });
  return {
    technique: chosen.estimates.technique,
    chosen: chosen.estimates,
    reasons,
    alternatives: priced.filter((each) => each !== chosen).map((each) => rejected(each, chosen, field)),
  };
}

/** Less, or equal and ending sooner, so that of two that never end by weight the one that does is taken. */
function cheaper(a: Priced, b: Priced): boolean {
  if (a.costSeconds !== b.costSeconds) return a.costSeconds < b.costSeconds;
  return a.estimates.totalMigrationTimeMs.value < b.estimates.totalMigrationTimeMs.value;
}

function brokenLimit({ downtimeMs, stallMs }: PredictRule['hardLimits'], estimates: Estimates): Reason | null {
  const { technique } = estimates;
  if (downtimeMs !== null && estimates.downtimeMs.value > downtimeMs) {
    const text = `${technique} would stop the guest ${lasting(estimates.downtimeMs.value)}, the policy allows ${downtimeMs} ms`;
    return { code: 'downtime-limit', text };
  }
  if (stallMs !== null && estimates.longestStallMs.value > stallMs) {
    const text = `${technique} would let the guest stall ${lasting(estimates.longestStallMs.value)}, the policy allows ${stallMs} ms`;
    return { code: 'stall-limit', text };
  }
  return null;
}

function rejected(each: Priced, chosen: Priced, field: readonly Priced[]): Alternative {
  const reason: Reason =
    each.obstacle && !field.includes(each)
      ? each.obstacle
      : {
          code: cheaper(each, chosen) ? 'within-margin' : 'predicted-dearer',
          text: `${describe(each)}; ${describe(chosen)}`,
        };
  return { technique: each.estimates.technique, reason, prediction: predictionOf(each.estimates) };
}

function describe({ estimates, costSeconds: cost }: Priced): string {
  const { technique, totalMigrationTimeMs, downtimeMs, longestStallMs, ends } = estimates;
  if (ends === 'never') return `${technique} would not end`;
  const figures = [
    `TMT ${time(totalMigrationTimeMs.value)}`,
    `downtime ${time(downtimeMs.value)}`,
    `longest stall ${time(longestStallMs.value)}`,
  ].join(', ');
  return `${technique} costs ${cost.toFixed(2)} s (${figures}${ends === 'timeout' ? ', then Nova gives up' : ''})`;
}

function lasting(ms: number): string {
  return Number.isFinite(ms) ? `for ${time(ms)}` : 'for ever';
}

function time(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`;
}
