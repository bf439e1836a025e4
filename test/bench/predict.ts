/**
 * How good the prediction is on migrations that really ran: cross-validated, with the literature's formulas beside it.
 *
 *   npm run bench:predict                    executions of the project's own simulator
 *   npm run bench:predict -- --data DIR      the public ones of btrplace/kherbache-thesis (plans/, executions/)
 *   npm run bench:predict -- --lab FILE      what bench:techniques -- --live has recorded; with --steady, for what was
 *                                            recorded before the plugin steadied dirty rates, as if it had done so then
 */
import { parseArgs } from 'node:util';
import { MEASURED, type Measured, UNCALIBRATED } from '../../plugin/model/calibrate.ts';
import { median } from '../../plugin/model/interval.ts';
import { TECHNIQUES } from '../../plugin/model/predict.ts';
import { caseOf, classOf, LITERATURE } from './predict/cases.ts';
import { foresee, leaveOut, repetitions, type Score, score } from './predict/evaluate.ts';
import { generateExecutions } from './predict/generate.ts';
import { type ExecutedMigration, readExecutions } from './predict/grid5000.ts';
import { readLab } from './predict/lab.ts';

const GENERATED_PLANS = 10;

function main(): void {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      lab: { type: 'string' },
      steady: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
    },
  });
  if (values.lab !== undefined) lab(values.lab, values.steady);
  else executions(executedOf(values.data, Number(values.seed)));
}

function executedOf(data: string | undefined, seed: number): ExecutedMigration[] {
  console.log(data ? `executions in ${data}` : `executions of the simulator, seed ${seed}`);
  return data ? readExecutions(data) : generateExecutions(GENERATED_PLANS, seed);
}

function executions(executed: readonly ExecutedMigration[]): void {
  const figure = 'totalMigrationTimeMs';
  console.log(`${executed.length} migrations\n`);
  console.log('| total migration time | n | mean absolute error, % | in the 90 % interval, % | width of it, % |');
  console.log('| - | - | - | - | - |');
  const by = (fold: (each: ExecutedMigration) => string) =>
    leaveOut(
      executed.map((each) => caseOf(each, fold(each))),
      figure,
    );
  const repetitions = by((each) => each.repetition);
  row('Drover, a repetition left out', score(repetitions.flatMap(({ tried }) => tried)));
  const order = [...new Set(executed.map(({ execution }) => execution))];
  const tenth = ({ execution }: ExecutedMigration) => String(order.indexOf(execution) % 10);
  row('Drover, a tenth of the executions left out', score(by(tenth).flatMap(({ tried }) => tried)));
  for (const { fold, tried } of by(classOf)) row(`Drover, class left out: ${fold}`, score(tried));
  plain('median of the class, a repetition left out', classMedian(executed));
  for (const { name, seconds } of LITERATURE) {
    plain(
      name,
      executed.map((each) => error(seconds(each), each.observedSeconds)),
    );
  }
}

function classMedian(executed: readonly ExecutedMigration[]): number[] {
  const known = Map.groupBy(executed, classOf);
  return executed.map((each) => {
    const others = known.get(classOf(each))?.filter(({ repetition }) => repetition !== each.repetition) ?? [];
    return error(median(others.map(({ observedSeconds }) => observedSeconds)), each.observedSeconds);
  });
}

/**
 * Before anything is known; then each cell, and each round, predicted from the others; last the median of the same cell and
 * technique in the other rounds, which knows nothing but what was measured there: how much the repetitions differ.
 */
function lab(file: string, isSteadied: boolean): void {
  const runs = readLab(file, isSteadied);
  console.log(`${runs.length} completed migrations in ${file}\n`);
  console.log('| figure, technique | known | n | mean absolute error, % | in the 90 % interval, % | width of it, % |');
  console.log('| - | - | - | - | - | - |');
  for (const figure of MEASURED) {
    const measured = runs.filter(({ observed }) => observed[figure] !== undefined);
    if (measured.length === 0) continue;
    const knowledge = {
      nothing: foresee(measured, UNCALIBRATED, figure),
      'other cells': leaveOut(
        measured.map((each) => ({ ...each, fold: each.cell })),
        figure,
      ).flatMap(({ tried }) => tried),
      'other rounds': leaveOut(
        measured.map((each) => ({ ...each, fold: each.round })),
        figure,
      ).flatMap(({ tried }) => tried),
    };
    for (const [known, tried] of Object.entries(knowledge)) {
      row(`${figure}, all | ${known}`, score(tried));
      for (const technique of TECHNIQUES) {
        const own = tried.filter((each) => each.technique === technique);
        if (own.length > 0) row(`${figure}, ${technique} | ${known}`, score(own));
      }
    }
    noise(figure, measured);
  }
}

function noise(figure: Measured, runs: ReturnType<typeof readLab>): void {
  const repeated = repetitions(
    runs.map((each) => ({ ...each, fold: each.round })),
    figure,
    ({ cell }) => cell,
  );
  const shown = (technique: string, of: typeof repeated) => {
    const name = `${figure}, ${technique} | median of the same cell and technique, a round left out`;
    if (of.length > 0)
      plain(
        name,
        of.map((each) => each.error),
      );
  };
  shown('all', repeated);
  for (const technique of TECHNIQUES) {
    shown(
      technique,
      repeated.filter((each) => each.technique === technique),
    );
  }
}

function error(predicted: number, observed: number): number {
  return Math.abs(predicted - observed) / observed;
}

function row(name: string, { count, never, mapePercent, coveragePercent, widthPercent }: Score): void {
  const predictedNever = never > 0 ? ` (${never} predicted not to complete)` : '';
  console.log(
    `| ${name} | ${count}${predictedNever} | ${mapePercent.toFixed(2)} | ${coveragePercent.toFixed(1)} | ${widthPercent.toFixed(1)} |`,
  );
}

function plain(name: string, errors: readonly number[]): void {
  const mean = (100 * errors.reduce((sum, each) => sum + each, 0)) / errors.length;
  console.log(`| ${name} | ${errors.length} | ${mean.toFixed(2)} | - | - |`);
}

main();
