import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallPlan } from '../../bench/plan/generate.ts';

const ROOT = join(import.meta.dirname, '../../..');
const DROVER = [process.execPath, 'plugin/cli.ts'];
/** As the README has it; npm alone takes longer to start than all else. */
const BY_NPM = ['npm', '-s', 'run', 'drover', '--'];
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-plan-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function plan(text: string, options: string[], by = DROVER): Promise<{ stdout: string; stderr: string; code: number }> {
  const file = join(folder, 'instance.json');
  writeFileSync(file, text);
  return new Promise((resolve) => {
    const [program = '', ...argv] = [...by, 'plan', '--instance', file, ...options];
    execFile(program, argv, { cwd: ROOT }, (error, stdout, stderr) =>
      resolve({ stdout, stderr, code: error ? Number(error.code) : 0 }),
    );
  });
}

describe('drover plan --instance', () => {
  it("gives one JSON object with the file's own numbers", async () => {
    const { stdout, code } = await plan(smallPlan(1), ['--json'], BY_NPM);
    expect(code).toBe(0);
    const answer = JSON.parse(stdout);
    expect(Object.keys(answer)).toEqual(['migrations', 'makespan', 'lowerBound', 'planningMs']);
    expect(answer.migrations).toHaveLength(10);
    const asked = JSON.parse(smallPlan(1)).actions;
    for (const migration of answer.migrations) {
      expect(Object.keys(migration)).toEqual(['vm', 'from', 'to', 'start', 'end', 'bandwidth']);
      const own = asked.find(({ vm }: { vm: number }) => vm === migration.vm);
      expect([migration.from, migration.to, migration.bandwidth]).toEqual([own.from, own.to, own.bw]);
      expect(migration.end - migration.start).toBe(own.end - own.start);
    }
    expect(answer.makespan).toBe(Math.max(...answer.migrations.map(({ end }: { end: number }) => end)));
    expect(answer.makespan).toBeGreaterThanOrEqual(answer.lowerBound);
    expect(answer.planningMs).toBeGreaterThan(0);
  });

  it('keeps standard output to the object: what was assumed or left out goes to standard error', async () => {
    const instance = {
      model: {
        mapping: { onlineNodes: { 0: { runningVMs: [1] }, 7: {} } },
        attributes: { vms: { 1: { memUsed: 2000 } } },
      },
      constraints: [
        { id: 'fence', vm: 1, nodes: [7] },
        { id: 'spread', vms: [1] },
      ],
    };
    const { stdout, stderr } = await plan(JSON.stringify(instance), ['--json']);
    expect(JSON.parse(stdout).migrations).toEqual([{ vm: 1, from: 0, to: 7, start: 0, end: 18, bandwidth: 1000 }]);
    expect(stderr).toMatch(/^note: constraint spread \(1\) is not known here and not kept$/m);
    expect(stderr).toMatch(/^note: no network in the file/m);
  });

  it('shows a table, the makespan and how far it is from the bound', async () => {
    const { stdout } = await plan(smallPlan(1), []);
    expect(stdout).toMatch(/10 migrations, makespan \d+ s \(no shorter one exists\)/);
    expect(stdout).toMatch(/lower bound \d+\.0 s \(\d+\.\d % above\)/);
    expect(stdout).toMatch(/planned in \d+\.\d ms/);
  });

  it('says what is wrong with a file, and ends with 1', async () => {
    const { stderr, code } = await plan('{"model":{}}', []);
    expect(code).toBe(1);
    expect(stderr).toMatch(/drover: .*instance\.json: .*model\.mapping/);
  });
});
