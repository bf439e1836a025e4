import { type Alternative, type Reason, Strategy, type StrategyAlternative, Technique } from '../../contract.ts';

/** The techniques that the policy's stale rule does not name. */
export function staleTechniques(named: Technique): Alternative[] {
  return Technique.options
    .filter((technique) => technique !== named)
    .map((technique) => ({ technique, reason: notStale(named), prediction: null }));
}

/** The strategy that the policy's stale rule does not name. */
export function staleStrategies(named: Strategy): StrategyAlternative[] {
  return Strategy.options
    .filter((strategy) => strategy !== named)
    .map((strategy) => ({ strategy, reason: notStale(named) }));
}

function notStale(named: string): Reason {
  const text = `without usable samples nothing is weighed against ${named}, which the policy's stale rule names`;
  return { code: 'stale', text };
}
