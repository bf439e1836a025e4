/** What the runs in the lab say: medians, what default.yaml would have chosen, and how far that is from the best. */
import type { Technique } from '../../../plugin/contract.ts';
import { chooseByPrediction, type PredictRule } from '../../../plugin/controller/plan/predicted.ts';
import { type Calibration, correctorOf, learn, UNCALIBRATED } from '../../../plugin/model/calibrate.ts';
import { median } from '../../../plugin/model/interval.ts';
import { TECHNIQUES } from '../../../plugin/model/predict.ts';
import type { Policy } from '../../../plugin/policy/schema.ts';
import { randomFrom } from '../../../plugin/schedule/random.ts';
import { type LabRun, readLab, readLabRuns } from '../predict/lab.ts';
import { cellName } from './grid.ts';
import { decideMeasured } from './measured.ts';
import { type Judged, regretLine, regretOf } from './regret.ts';

const BOOTSTRAPS = 2000;

/** Seconds of a run: of a censored one the limit, so that it ranks last. */
export function secondsOf({ censored, limitMs, outcome }: LabRun): number {
  const measured = outcome?.totalMigrationTimeMs ?? null;
  return (censored || measured === null ? limitMs : measured) / 1000;
}

/** `policy` decides by prediction, `tables` as the thesis does. */
export function reportLive(file: string, policy: Policy, tables: Policy): void {
  const runs = readLabRuns(file);
  const cells = Map.groupBy(runs, ({ cell }) => cellName(cell));
  console.log(`${runs.length} runs in ${file}, ${runs.filter(({ censored }) => censored).length} censored (>)\n`);
  console.log('TMT s, median [bootstrap 95 %] of n; ping gap ms, median\n');
  console.log(
    '| cell | pre-copy | post-copy | hybrid-copy | best | default.yaml (others known) | (nothing known) | seed.yaml |',
  );
  console.log('| - | - | - | - | - | - | - | - |');
  const calibrated: Judged[] = [];
  const raw: Judged[] = [];
  const byTable: Judged[] = [];
  for (const [name, those] of cells) {
    const of = (technique: Technique) => those.filter((run) => run.technique === technique);
    if (TECHNIQUES.some((technique) => of(technique).length === 0)) {
      console.log(`| ${name} | not every technique has run yet ||||||`);
      continue;
    }
    const seconds = Object.fromEntries(
      TECHNIQUES.map((technique) => [technique, median(of(technique).map(secondsOf))]),
    ) as Record<Technique, number>;
    const best = TECHNIQUES.reduce((a, b) => (seconds[b] < seconds[a] ? b : a));
    const others = calibrationOf(file, name);
    const known = { seconds, chosen: modal(those.map((run) => choice(policy, run, others))) };
    const unknown = { seconds, chosen: modal(those.map((run) => choice(policy, run, UNCALIBRATED))) };
    const tabled = { seconds, chosen: modal(those.map((run) => decideMeasured(tables, run).technique)) };
    calibrated.push(known);
    raw.push(unknown);
    byTable.push(tabled);
    const chosen = ({ chosen: technique }: Judged) =>
      `${technique} ×${(seconds[technique] / seconds[best]).toFixed(2)}`;
    const shown = TECHNIQUES.map((technique) => shownRuns(of(technique)));
    console.log(
      `| ${name} | ${shown.join(' | ')} | ${best} | ${chosen(known)} | ${chosen(unknown)} | ${chosen(tabled)} |`,
    );
  }
  if (calibrated.length === 0) return;
  console.log(`\n${regretLine('default.yaml, calibrated by the other cells', regretOf(calibrated))}`);
  console.log(`\n${regretLine('default.yaml, nothing known', regretOf(raw))}`);
  console.log(`\n${regretLine('seed.yaml', regretOf(byTable))}`);
}

function choice(policy: Policy, { cell, features, source, destination }: LabRun, calibration: Calibration): Technique {
  if (policy.technique.kind !== 'predict') throw new TypeError(`${policy.id} chooses by a table, not by prediction`);
  const rule: PredictRule = policy.technique;
  const corrector = correctorOf(calibration);
  const estimates = TECHNIQUES.map((technique) => corrector.estimate({ technique, source, destination }, features));
  return chooseByPrediction(rule, cell.priority, features, estimates, null).technique;
}

/** Taught by the runs of all cells but one. */
function calibrationOf(file: string, without: string): Calibration {
  return readLab(file)
    .filter(({ cell }) => cellName(JSON.parse(cell)) !== without)
    .reduce<Calibration>((known, each) => learn(known, each), UNCALIBRATED);
}

function modal(techniques: readonly Technique[]): Technique {
  const count = (technique: Technique) => techniques.filter((each) => each === technique).length;
  return TECHNIQUES.reduce((a, b) => (count(b) > count(a) ? b : a));
}

function shownRuns(runs: readonly LabRun[]): string {
  const seconds = runs.map(secondsOf);
  const random = randomFrom(1);
  const medians = Array.from({ length: BOOTSTRAPS }, () =>
    median(seconds.map(() => seconds[Math.floor(random() * seconds.length)] ?? Number.NaN)),
  ).sort((a, b) => a - b);
  const at = (share: number) => (medians[Math.floor(share * (BOOTSTRAPS - 1))] ?? Number.NaN).toFixed(1);
  const censored = runs.filter((run) => run.censored).length;
  const gap = median(runs.flatMap(({ pingGapMs }) => pingGapMs ?? []));
  const mark = censored * 2 > runs.length ? '>' : '';
  return `${mark}${median(seconds).toFixed(1)} [${at(0.025)}-${at(0.975)}] of ${runs.length}${censored ? `, ${censored} censored` : ''}; ${Math.round(gap)}`;
}
