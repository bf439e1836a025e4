import axios from 'axios';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MigrationRecord, Plan, PlannedMigration, WhatIfAnswer, WhatIfRequest } from '../../../plugin/contract.ts';
import { ControlStage } from './control.ts';

// Each starts the real command, which takes many times longer where all tests share the processors.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 30_000 });

/** The command runs some time after it: a minute on a busy machine. */
const NOW = Date.now();
const ahead = (low: number, value: number, high: number) => ({
  low: NOW + 60_000 * low,
  value: NOW + 60_000 * value,
  high: NOW + 60_000 * high,
});

const RUNS: PlannedMigration = {
  id: 7,
  vmUuid: '6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c11',
  vmName: 'vm-42',
  source: 'compute-1',
  destination: 'compute-2',
  links: ['compute-1 tx', 'compute-2 rx'],
  running: true,
  priority: 'low',
  technique: 'pre-copy',
  strategy: 'parallel',
  startAtMs: NOW - 5000,
  endAtMs: ahead(9, 10, 15),
  reason: null,
  rates: [
    { fromAtMs: NOW, bitsPerSecond: 5e6 },
    { fromAtMs: NOW + 1000, bitsPerSecond: 400e6 },
  ],
  deadline: { atMs: NOW + 20 * 60_000 + 30_000, verdict: 'kept' },
  lostBits: null,
};
const WAITS: PlannedMigration = {
  ...RUNS,
  id: 8,
  vmName: 'vm-43',
  running: false,
  startAtMs: null,
  endAtMs: { value: null, low: null, high: null },
  reason: { code: 'behind-endless', text: 'it waits for one that does not end' },
  rates: [],
  deadline: null,
};
const PLAN: Plan = {
  atMs: NOW,
  policy: 'seed.yaml@00000000',
  migrations: [RUNS, WAITS],
  workloads: [{ link: 'compute-1 tx', workloadBitsPerSecond: 300e6, lostBits: 2e9, overMs: 10_000 }],
  reason: null,
};
const ANSWER: WhatIfAnswer = {
  atMs: NOW,
  policy: 'seed.yaml@00000000',
  migrations: [{ ...RUNS, id: null, vmName: 'web-1', running: false, startAtMs: NOW + 1000 }],
  refused: [{ vmUuid: 'x', vmName: 'web-2', reason: { code: 'vm-busy', text: 'it runs already' } }],
  delayed: [
    {
      id: 7,
      vmUuid: RUNS.vmUuid,
      vmName: 'vm-42',
      running: true,
      before: { startAtMs: NOW, endAtMs: ahead(9, 10, 15), reason: null },
      after: { startAtMs: NOW, endAtMs: ahead(11, 12, 18), reason: null },
      laterMs: 120_000,
      missesDeadline: true,
    },
  ],
  unchanged: [],
  workloads: [
    {
      link: 'compute-1 tx',
      workloadBitsPerSecond: 300e6,
      lostBits: 3e9,
      overMs: 20_000,
      lostBitsWithout: 2e9,
      lostBitsNow: 2e9,
    },
  ],
};

const RECORD: MigrationRecord = {
  id: 9,
  vmUuid: RUNS.vmUuid,
  vmName: 'vm-44',
  projectId: 'project',
  userId: 'user',
  source: 'compute-1',
  destination: null,
  novaMigrationId: null,
  novaMigrationUuid: null,
  deferred: true,
  state: 'queued',
  stateReason: null,
  receivedAtMs: NOW,
  submittedAtMs: null,
  endedAtMs: null,
  decision: null,
  progress: null,
  outcome: null,
  planned: { startAtMs: NOW + 7_260_000, endAtMs: { ...ahead(125, 130, 140), high: null }, reason: null },
  asked: null,
};

let control: ControlStage;
let asked: WhatIfRequest[] = [];
let plan: Plan = PLAN;

beforeEach(async () => {
  asked = [];
  plan = PLAN;
  control = await ControlStage.start({
    migrations: async () => [RECORD],
    plan: () => plan,
    whatIf: async (request) => {
      asked.push(request);
      return ANSWER;
    },
  });
});
afterEach(() => control.stop());

function drover(...args: string[]) {
  return control.drover(...args);
}

describe('drover plan', () => {
  it("shows the running plugin's plan: starts, ETAs with their interval, rates, deadlines, what workloads lose", async () => {
    const { stdout, stderr, code } = await drover('plan');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /│ 7 .*│ vm-42 .*│ runs +│ in (10 min|[5-9] min( \d+ s)?) \(.* to .*\) +│ 5 Mbit\/s → 400 Mbit\/s/,
    );
    expect(stdout).toMatch(/in (20|1\d) min( \d+ s)?: kept/);
    expect(stdout).toContain('vm-43: it waits for one that does not end [behind-endless]');
    expect(stdout).toContain('compute-1 tx: 2.00 Gbit (67 %) in 10.0 s, at 300 Mbit/s now');
    expect(JSON.parse((await drover('plan', '--json')).stdout)).toEqual(PLAN);
    plan = { ...PLAN, migrations: [], workloads: [] };
    expect((await drover('plan')).stdout).toContain('nothing waits or runs (policy seed.yaml@00000000)');
    plan = { ...plan, reason: { code: 'no-policy', text: 'there is no valid policy' } };
    expect((await drover('plan')).stdout).toContain('no plan: there is no valid policy [no-policy]');
  });

  it('asks what would happen if servers were asked for now', async () => {
    const { stdout, stderr } = await drover(
      ...['plan', '--dry-run', '--vm', 'web-1', 'web-2', '--priority', 'high', '--to', 'compute-2'],
      ...['--deadline', '2099-01-01T04:00:00Z'],
    );
    expect(stderr).toBe('');
    const wish = { priority: 'high', destination: 'compute-2', deadlineAtMs: Date.parse('2099-01-01T04:00:00Z') };
    expect(asked).toEqual([
      {
        migrations: [
          { vm: 'web-1', ...wish },
          { vm: 'web-2', ...wish },
        ],
      },
    ]);
    expect(stdout).toContain('nothing is changed');
    expect(stdout).toMatch(/│ – .*│ web-1/);
    expect(stdout).toContain('web-2 would not be taken: it runs already [vm-busy]');
    expect(stdout).toMatch(/7 vm-42: 120\.0 s later \(ETA .* → .*\), misses its deadline then/);
    expect(stdout).toContain('3.00 Gbit (50 %) in 20.0 s, at 300 Mbit/s now, 2.00 Gbit of it without this');
    await drover('plan', '--dry-run', '--vm', 'web-1', '--deadline', '30 min');
    expect(asked[1]?.migrations[0]?.deadlineAtMs).toBeGreaterThan(Date.now() + 25 * 60_000);
  });

  it.each([
    [['--vm', 'x'], 'add --dry-run'],
    [['--dry-run', '--to', 'compute-2'], 'name it: --vm NAME'],
    [['--model', 'drover'], 'goes with --instance FILE'],
    [['--instance', 'x.json', '--dry-run'], 'leave out --dry-run'],
    [['--dry-run', '--vm', 'x', '--deadline', 'tomorrow'], 'write a time with its zone'],
    [['--dry-run', '--vm', 'x', '--priority', 'urgent'], 'high, medium, low'],
  ])('refuses %j and says what to do', async (args, advice) => {
    expect(await drover('plan', ...args)).toMatchObject({ code: 1, stderr: expect.stringContaining(advice) });
    expect(asked).toEqual([]);
  });

  it('shows planned start and ETA in the queue', async () => {
    const { stdout } = await drover('queue');
    expect(stdout).toMatch(/Start +│ ETA/);
    expect(stdout).toMatch(
      /vm-44.*│ in (2 h( \d min)?|1 h 5\d min) +│ in 2 h( \d+ min)? \((2 h( \d min)?|1 h 5\d min) to \?\)/,
    );
  });
});

describe('POST /v1/plan/what-if', () => {
  const post = (data: unknown, path = '/v1/plan/what-if') =>
    axios.post(`http://control${path}`, data, {
      socketPath: control.socket,
      proxy: false,
      validateStatus: () => true,
      headers: { 'content-type': 'application/json' },
    });

  it('takes what its schema allows, and names every other thing that is wrong', async () => {
    expect((await post({ migrations: [{ vm: 'web-1' }] })).data).toEqual(ANSWER);
    const wrong = await post({ migrations: [{ vm: '', priority: 'urgent', host: 'x' }] });
    expect(wrong.status).toBe(400);
    expect(wrong.data.error.message).toMatch(/migrations\.0\.vm: .*migrations\.0\.priority/);
    expect((await post(Buffer.from('{'))).data.error.message).toMatch(/^the body is not JSON/);
    expect((await post({ migrations: [] })).status).toBe(400);
    const large = await post(Buffer.from('x'.repeat(300 * 1024)));
    expect([large.status, large.data.error.message]).toEqual([413, 'the body is larger than 262144 bytes']);
    const posted = await post({}, '/v1/plan');
    expect([posted.status, posted.data.error.message]).toEqual([405, '/v1/plan takes GET, not POST']);
    expect(asked).toHaveLength(1);
  });
});
