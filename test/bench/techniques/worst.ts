/** Where a policy's choice costs most in the simulator, and why, in words. */
import type { Decision, Technique } from '../../../plugin/contract.ts';
import { TECHNIQUES } from '../../../plugin/model/predict.ts';
import type { CellResult } from './fluid.ts';
import { cellName } from './grid.ts';

const WITHIN = 1.05;

interface Choice extends CellResult {
  chosen: Technique;
  best: Technique;
  /** Seconds of the chosen one to those of the best. */
  ratio: number;
}

/** The worst cells, and by the direction of the VM's traffic how many are worse than 5 % and what they cost. */
export function worstCells(results: readonly CellResult[], policy: string, most: number): string[] {
  const choices = results.map((result): Choice => {
    const { outcome, decision } = result;
    const chosen = decision[policy]?.technique ?? 'pre-copy';
    const best = TECHNIQUES.reduce((a, b) => (outcome[b].seconds < outcome[a].seconds ? b : a));
    return { ...result, chosen, best, ratio: outcome[chosen].seconds / outcome[best].seconds };
  });
  const bad = choices.filter(({ ratio }) => ratio > WITHIN);
  const directions = Map.groupBy(bad, ({ cell }) => cell.direction);
  const groups = [...directions].map(([direction, those]) => {
    const ratio = those.reduce((sum, each) => sum + each.ratio, 0) / those.length;
    const unended = those.filter(({ outcome, chosen }) => outcome[chosen].censored).length;
    return `${direction}: ${those.length} (×${ratio.toFixed(1)} in the mean${unended > 0 ? `, ${unended} would not end` : ''})`;
  });
  const worst = bad.sort((a, b) => b.ratio - a.ratio).slice(0, most);
  return [
    `worse than 5 %, by what the VM does: ${groups.join(', ') || 'nowhere'}`,
    ...worst.map((choice) => worstLine(choice, choice.decision[policy])),
  ];
}

function worstLine(choice: Choice, decision: Decision | undefined): string {
  const { cell, outcome, chosen, best, ratio } = choice;
  const seconds = (technique: Technique) => {
    const { seconds: value, censored } = outcome[technique];
    return `${technique} ${censored ? '>' : ''}${value.toFixed(1)} s`;
  };
  const stall = (technique: Technique) => `${Math.round(outcome[technique].longestStallMs)} ms`;
  const why = decision?.reasons.find(({ code }) => code === 'technique-row' || code === 'predicted-cheapest')?.text;
  return `×${ratio.toFixed(1)} ${cellName(cell)}: ${seconds(chosen)}, ${seconds(best)}. ${causeOf(choice)}; longest stall ${stall(chosen)}, of the best ${stall(best)}${why ? ` (${why})` : ''}`;
}

/** What costs the time: memory flows from source to destination, and the technique decides where the VM's own traffic is. */
export function causeOf({ cell, outcome, chosen }: Pick<Choice, 'cell' | 'outcome' | 'chosen'>): string {
  const { direction, dirty } = cell;
  const isUnended = outcome[chosen].censored;
  if (chosen === 'post-copy') {
    const beside =
      direction === 'receives' ? "what the VM receives comes over the destination's link beside its pages" : '';
    return `The guest runs on the destination and waits for pages${beside ? `, and ${beside}` : ''}${isUnended ? ': it does not end' : ''}`;
  }
  const pass = chosen === 'pre-copy' ? 'its passes' : 'its first pass';
  const own = direction === 'sends' ? ` beside what the VM itself sends, which stays on the source's link` : '';
  const anew = dirty === 'none' ? '' : `, and sends again what is dirtied meanwhile`;
  const end = chosen === 'pre-copy' ? 'never converges' : 'does not come to the switch';
  return `It makes ${pass}${own}${anew}${isUnended ? `: it ${end}` : ''}`;
}
