import Table from 'cli-table3';
import { duration, megabits } from '../../plugin/cli/figures.ts';
import type { MigrationRecord } from '../../plugin/contract.ts';

export interface Verdict {
  arrived: boolean;
  memoryIntact: boolean;
}

/** The demo's one table. */
export function demoTable(migrations: MigrationRecord[], verdicts: Map<string, Verdict>): string {
  const table = new Table({
    head: [
      ...['VM', 'Priority', 'Contention', 'Scenario', 'Cluster', 'Technique, and why', 'Strategy'],
      ...['Reserved', 'TMT', 'Downtime', 'Arrived', 'Memory'],
    ],
    colWidths: [10, 10, 12, 10, 10, 38, 10, 14, 9, 10, 9, 9],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const migration of migrations) {
    const { decision, outcome, vmName, vmUuid } = migration;
    const seen = decision?.classification;
    const verdict = verdicts.get(vmUuid);
    const switched = outcome?.postCopySeen ? ' (post-copy seen)' : '';
    table.push([
      vmName,
      decision?.priority ?? '–',
      seen ? `${seen.contention} (${Math.round(seen.utilisation * 100)} %)` : '–',
      seen?.scenario ?? '–',
      seen?.cluster ?? '–',
      decision ? `${decision.technique}${switched}: ${decision.reasons[0]?.text ?? ''}` : 'Nova alone',
      decision?.strategy ?? '–',
      megabits(decision?.reservation.sourceTx?.migration.rateBitsPerSecond),
      duration(outcome?.totalMigrationTimeMs),
      duration(outcome?.downtimeMs),
      verdict?.arrived ? 'yes' : 'NO',
      verdict?.memoryIntact ? 'intact' : 'BROKEN',
    ]);
  }
  return table.toString();
}
