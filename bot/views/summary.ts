import type { MigrationRecord, Outcome } from 'drover-plugin/contract';
import type { Ask } from '../asks/ask.ts';
import { bits, bytes, counted, duration } from './figures.ts';
import { clipped, oneName } from './inert.ts';
import { type Mrkdwn, md } from './mrkdwn.ts';

/** What workloads lost on the two links while a migration ran, bits; null: not measured. */
export interface MeasuredLoss {
  sourceTx: number;
  destinationRx: number;
}

/**
 * Traffic before it less traffic during it, over its length. What the workload did by itself meanwhile is in it, too.
 *
 * | before     | during     | TMT | lost     |
 * |------------|------------|-----|----------|
 * | 100 Mbit/s | 80 Mbit/s  | 5 s | 100 Mbit |
 * | 100 Mbit/s | 120 Mbit/s | 5 s | 0        |
 */
export function measuredLoss({ totalMigrationTimeMs, workload: { before, during } }: Outcome): MeasuredLoss | null {
  if (totalMigrationTimeMs === null || before === null || during === null) return null;
  const lost = (was: number, is: number) => (Math.max(0, was - is) * totalMigrationTimeMs) / 1000;
  return {
    sourceTx: lost(before.sourceTxBitsPerSecond, during.sourceTxBitsPerSecond),
    destinationRx: lost(before.destinationRxBitsPerSecond, during.destinationRxBitsPerSecond),
  };
}

interface Sum {
  tmtMs: number | null;
  meanTmtMs: number | null;
  downtimeMs: number | null;
  lostBits: number | null;
  /** In the mean. */
  predictedTmtMs: number | null;
  predictedDowntimeMs: number | null;
  predictedLostBits: number | null;
}

/** What the ask cost and what was predicted, in a few lines for its message. */
export function outcomeLines(ask: Pick<Ask, 'vms'>): Mrkdwn[] {
  const done = completed(ask);
  const [only, ...others] = done;
  if (!only) return [];
  const sum = sumOf(done);
  const against = (measured: string, predicted: number | null, write: (value: number | null) => string): Mrkdwn =>
    predicted === null ? md`${measured}` : md`${measured} (predicted ${write(predicted)})`;
  const tmt =
    others.length === 0
      ? duration(sum.tmtMs)
      : `${duration(sum.tmtMs)} together, ${duration(sum.meanTmtMs)} each in the mean`;
  return [
    md`*TMT* ${against(tmt, sum.predictedTmtMs, duration)}`,
    md`*Downtime* ${against(duration(sum.downtimeMs), sum.predictedDowntimeMs, duration)}${others.length > 0 ? ', the longest' : ''}`,
    md`*Workloads lost* ${against(sum.lostBits === null ? 'not measured' : bits(sum.lostBits), sum.predictedLostBits, bits)}`,
    ...(others.length === 0 ? moved(only) : []),
  ];
}

/** The same for each server that was moved, in columns; null: none was. */
export function costTable(ask: Pick<Ask, 'vms'>): string[] | null {
  const done = completed(ask);
  return done.length === 0 ? null : tableOf(done);
}

function completed({ vms }: Pick<Ask, 'vms'>): MigrationRecord[] {
  return vms.flatMap(({ migration }) => (migration?.state === 'completed' ? [migration] : []));
}

/** TMT from the first start to the last end; downtime the longest; what was lost adds up. Null: nobody knows it of any. */
function sumOf(done: readonly MigrationRecord[]): Sum {
  const [only, ...others] = done;
  const starts = done.map(({ submittedAtMs }) => submittedAtMs).filter((each) => each !== null);
  const ends = done.map(({ endedAtMs }) => endedAtMs).filter((each) => each !== null);
  const whole = starts.length === 0 || ends.length === 0 ? null : Math.max(...ends) - Math.min(...starts);
  return {
    tmtMs: others.length === 0 ? (only?.outcome?.totalMigrationTimeMs ?? null) : whole,
    downtimeMs: most(done.map(({ outcome }) => outcome?.downtimeMs ?? null)),
    lostBits: total(done.map(lostOf)),
    meanTmtMs: mean(done.map(({ outcome }) => outcome?.totalMigrationTimeMs ?? null)),
    predictedTmtMs: mean(done.map(({ decision }) => decision?.prediction?.totalMigrationTimeMs.value ?? null)),
    predictedDowntimeMs: most(done.map(({ decision }) => decision?.prediction?.downtimeMs.value ?? null)),
    predictedLostBits: total(done.map(predictedLostOf)),
  };
}

function lostOf({ outcome }: MigrationRecord): number | null {
  const loss = outcome ? measuredLoss(outcome) : null;
  return loss === null ? null : loss.sourceTx + loss.destinationRx;
}

function predictedLostOf({ decision }: MigrationRecord): number | null {
  const lost = decision?.prediction?.lostBits;
  return lost && lost.sourceTx !== null && lost.destinationRx !== null ? lost.sourceTx + lost.destinationRx : null;
}

function moved({ outcome }: MigrationRecord): Mrkdwn[] {
  if (!outcome || outcome.transferredBytes === null) return [];
  const rounds = outcome.iterations === null ? '' : ` in ${counted(outcome.iterations, 'round')}`;
  return [md`*Sent* ${bytes(outcome.transferredBytes)}${rounds}${outcome.postCopySeen ? ', with post-copy' : ''}`];
}

const NAME_WIDTH = 20;

function tableOf(done: readonly MigrationRecord[]): string[] {
  const row = (cells: readonly string[]) =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(NAME_WIDTH) : cell.padStart(11))).join(' ');
  return [
    row(['server', 'TMT', 'predicted', 'downtime', 'predicted', 'lost']),
    ...done.map((migration) => {
      const { vmName, outcome, decision } = migration;
      const prediction = decision?.prediction ?? null;
      return row([
        clipped(oneName(vmName), NAME_WIDTH),
        duration(outcome?.totalMigrationTimeMs),
        duration(prediction?.totalMigrationTimeMs.value),
        duration(outcome?.downtimeMs),
        duration(prediction?.downtimeMs.value),
        bits(lostOf(migration)),
      ]);
    }),
  ];
}

function most(values: readonly (number | null)[]): number | null {
  const known = values.filter((each) => each !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function total(values: readonly (number | null)[]): number | null {
  const known = values.filter((each) => each !== null);
  return known.length === 0 ? null : known.reduce((sum, each) => sum + each, 0);
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((each) => each !== null);
  return known.length === 0 ? null : known.reduce((sum, each) => sum + each, 0) / known.length;
}
