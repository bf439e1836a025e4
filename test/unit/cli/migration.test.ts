import { describe, expect, it } from 'vitest';
import { migrationReport } from '../../../plugin/cli/migration.ts';
import { Decision, type MigrationRecord } from '../../../plugin/contract.ts';
import { decide } from '../../../plugin/controller/plan/decide.ts';
import { record } from '../bot/migrations.ts';
import { host, queued, vm, world } from '../controller/plan/worlds.ts';

function reportOf(decision: Decision | null, change: Partial<MigrationRecord> = {}): string {
  const event = {
    id: 1,
    migrationId: 42,
    atMs: 0,
    state: 'queued' as const,
    reason: { code: 'waits', text: 'it waits' },
  };
  return migrationReport(record('vm-1', { decision, ...change }), [event]);
}

function decided(): Decision {
  const migration = queued(1, { priority: 'high' });
  const busy = { tx: 400e6, vms: [vm(1, { txBitsPerSecond: 300e6 })] };
  const now = world({
    queue: [migration],
    hosts: { 'compute-1': host('compute-1', busy), 'compute-2': host('compute-2') },
  });
  if (!now.policy) throw new Error('there is one');
  return decide(now, now.policy, migration);
}

describe('drover explain', () => {
  it('tells technique, strategy and reservation with what was rejected, and why', () => {
    const lines = reportOf(decided()).split('\n');
    const at = (pattern: RegExp) => {
      const index = lines.findIndex((line) => pattern.test(line));
      expect(index, `${pattern} among\n${lines.join('\n')}`).toBeGreaterThan(0);
      return index;
    };
    at(/^ {2}technique {3}hybrid-copy$/);
    at(/^ {4}likely {4}TMT .* passes \d+ to \d+, workloads lose /);
    at(/^ {4}not {7}pre-copy: no row that matches names pre-copy \[no-row\]$/);
    at(/^ {4}not {7}serial: no row that matches names serial \[no-row\]$/);
    const reserved = at(/^ {2}reserved {4}compute-1 tx: migration \d+ Mbit\/s, workload \d+ Mbit\/s$/);
    expect(lines.slice(reserved + 1, reserved + 4)).toEqual([
      expect.stringMatching(/^ {4}because {3}the workload keeps its lower limit of .* \[workload-lower\]$/),
      expect.stringMatching(/^ {4}not {7}as medium, migration \d+ Mbit\/s, .*\[other-priority\]$/),
      expect.stringMatching(/^ {4}not {7}as low, .*\[other-priority\]$/),
    ]);
    expect(lines.at(-1)).toBe('  1970-01-01T00:00:00.000Z  queued     it waits [waits]');
  });

  it('explains records of before that was kept by what they hold', () => {
    const { strategyAlternatives, reservationChoices, prediction, ...before } = decided();
    expect(strategyAlternatives).toHaveLength(1);
    const { iterationsBetween, lostBitsBetween, ...figures } = prediction ?? {};
    const text = reportOf(Decision.parse({ ...before, prediction: figures }));
    expect(text).toMatch(/ {2}reserved {4}compute-1 tx: migration \d+ Mbit\/s, workload \d+ Mbit\/s\n {2}reserved/);
    expect(text).toMatch(/likely {4}TMT .*, sends \d+ MiB to \d+ MiB \(nine times of ten\)\n/);
    expect(text).not.toContain('not       serial');
    expect(reportOf(null)).toContain('not decided by Drover');
  });

  it('says that one is slowed beside one of higher priority', () => {
    const decision = decided();
    const slowed = { ...decision, reservation: { ...decision.reservation, streamBitsPerSecond: 5e6 } };
    expect(reportOf(slowed)).toContain('slowed      to 5 Mbit/s, while one of higher priority shares a link with it');
  });
});
