import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DROVER_ENDPOINT } from '../../lab/drover.ts';
import type { Lab } from '../../lab/lab.ts';
import { PORTS } from '../../lab/plan.ts';
import { type Difference, differences } from './compare.ts';
import { EXCEPTIONS } from './exceptions.ts';
import type { Orders, Outcome } from './inside.ts';
import type { Request, Values } from './request.ts';

export interface Difficulty extends Outcome {
  found: Difference[];
}

export interface Report {
  /** By source: how many were compared, and of them how many are never the same twice. */
  compared: Map<string, { count: number; volatile: number; refused: number }>;
  /** By name of the exception. */
  excepted: Map<string, number>;
  /** Same fields in another order, and nothing else. */
  reordered: Difficulty[];
  differing: Difficulty[];
  /** How long each answer took, ms. */
  tookMs: { direct: number[]; through: number[] };
  /** Whose answer took longer than SLOW_MS on either side. */
  slow: Outcome[];
}

const SLOW_MS = 5000;

export interface RunOptions {
  requests: Request[];
  stories: boolean;
  values: Values;
  /** Default 4. */
  atOnce?: number;
}

/** Compares all of them in the lab, where Drover runs. @throws if the comparing process ends before all are told */
export async function runComparison(lab: Lab, options: RunOptions): Promise<Report> {
  const child = lab.spawnOn('control', [process.execPath, join(import.meta.dirname, 'inside.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (!child.stdin || !child.stdout) throw new Error('no pipes to the comparing process');
  const orders: Orders = {
    address: lab.controlAddress,
    novaPort: PORTS.nova,
    droverPort: Number(new URL(DROVER_ENDPOINT).port),
    atOnce: 4,
    ...options,
  };
  child.stdin.end(JSON.stringify(orders));
  const exited = new Promise<number | null>((done) => child.once('exit', done));
  const report: Report = {
    compared: new Map(),
    excepted: new Map(),
    reordered: [],
    differing: [],
    tookMs: { direct: [], through: [] },
    slow: [],
  };
  for await (const line of createInterface({ input: child.stdout })) add(report, JSON.parse(line));
  const status = await exited;
  if (status !== 0) throw new Error(`the comparing process ended with ${status}`);
  return report;
}

function add(report: Report, outcome: Outcome): void {
  const { request, direct, through, volatile, tookMs } = outcome;
  const { source } = request;
  report.tookMs.direct.push(tookMs.direct);
  report.tookMs.through.push(tookMs.through);
  if (Math.max(tookMs.direct, tookMs.through) > SLOW_MS) report.slow.push(outcome);
  const counted = report.compared.get(source) ?? { count: 0, volatile: 0, refused: 0 };
  counted.count += 1;
  if (volatile) counted.volatile += 1;
  if (Number(direct.status.split(' ')[1]) >= 400) counted.refused += 1;
  report.compared.set(source, counted);
  const found = differences(direct, through);
  if (found.length === 0) return;
  const exception = EXCEPTIONS.find((each) => each.covers(request, direct, through, found));
  if (exception) report.excepted.set(exception.name, (report.excepted.get(exception.name) ?? 0) + 1);
  else if (found.every((each) => each === 'order')) report.reordered.push({ ...outcome, found });
  else report.differing.push({ ...outcome, found });
}
