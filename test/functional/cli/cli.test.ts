import { join } from 'node:path';
import axios from 'axios';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ControlServer } from '../../../plugin/api/server.ts';
import type { MigrationRecord, Notice, PolicyExplanation } from '../../../plugin/contract.ts';
import { ControlStage } from './control.ts';

// Each starts the real command, which takes many times longer where all tests share the processors.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 30_000 });

const RECORD: MigrationRecord = {
  id: 7,
  vmUuid: '6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c11',
  vmName: 'vm-42',
  projectId: 'project',
  userId: 'user',
  source: 'compute-1',
  destination: null,
  novaMigrationId: null,
  novaMigrationUuid: null,
  deferred: true,
  state: 'queued',
  stateReason: { code: 'higher-runs', text: 'a higher group runs' },
  receivedAtMs: 1000,
  submittedAtMs: null,
  endedAtMs: null,
  decision: null,
  progress: null,
  outcome: null,
  planned: null,
  asked: null,
};

const EXPLANATION: PolicyExplanation = {
  vm: 'vm-42',
  atMs: 0,
  source: 'compute-1',
  destination: null,
  policy: 'seed.yaml@00000000',
  priority: 'high',
  reason: { code: 'priority-rule', text: 'rule at seed.yaml:19:7 (metadata drover:priority=high): high' },
  lost: [],
  startsAtMs: 0,
  deadlineAtMs: 0,
  deadlineReason: null,
  admission: { verdict: 'refuse', reason: { code: 'deadline-unreachable', text: 'it cannot be over before' } },
  limits: [],
  uplinks: [],
  decision: null,
};
const NOTICES: Notice[] = [
  { id: 1, atMs: 1000, code: 'policy-loaded', text: 'seed.yaml@00000000 is in effect', details: [] },
  { id: 2, atMs: 2000, code: 'policy-refused', text: 'refused', details: ['seed.yaml:1:1: x'] },
];

let control: ControlStage;

beforeEach(async () => {
  control = await ControlStage.start({
    migrations: async ({ all }) =>
      all ? [RECORD, { ...RECORD, id: 6, vmName: 'vm-41', state: 'completed' }] : [RECORD],
    migration: async (id) => (id === RECORD.id ? RECORD : null),
    events: async () => [
      {
        id: 1,
        migrationId: 7,
        atMs: 1000,
        state: 'queued',
        reason: { code: 'higher-runs', text: 'a higher group runs' },
      },
    ],
    policy: () => ({ active: null, loadedAtMs: null, refused: null, warnings: [], source: null }),
    explain: async (vm, destination) => ({ ...EXPLANATION, vm, destination }),
    notices: async (after) => NOTICES.filter(({ id }) => id > after),
    plan: () => ({ atMs: 0, policy: null, migrations: [], workloads: [], reason: null }),
    whatIf: async () => {
      throw new Error('not asked here');
    },
    health: () => ({ status: 'ok', problems: [] }),
  });
});
afterEach(() => control.stop());

function drover(...args: string[]) {
  return control.drover(...args);
}

describe('drover', () => {
  it('lists what waits and runs, and with --all what has ended', async () => {
    const unfinished = await drover('queue');
    expect(unfinished).toMatchObject({ code: 0, stderr: '' });
    expect(unfinished.stdout).toMatch(/│ 7 +│ vm-42 +│ compute-1 │ \? +│ – +│ queued/);
    expect(unfinished.stdout).not.toContain('vm-41');
    expect((await drover('queue', '--all')).stdout).toContain('vm-41');
  });

  it('shows one migration as JSON and explains it in words', async () => {
    expect(JSON.parse((await drover('show', '7')).stdout)).toEqual(RECORD);
    expect((await drover('explain', '7')).stdout).toContain('queued     a higher group runs [higher-runs]');
  });

  it('says what to do about an unknown id, a wrong id, and a plugin that does not run', async () => {
    expect(await drover('show', '99')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('drover queue --all'),
    });
    expect(await drover('show', 'x')).toMatchObject({ code: 1, stderr: expect.stringContaining('drover queue') });
    const silent = await drover('--socket', join(control.folder, 'nobody.sock'), 'queue');
    expect(silent).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('Is drover-plugin running?') });
  });

  it('does not let a second plugin take a living socket', async () => {
    const { socket } = control;
    const second = new ControlServer({ socket, listen: null }, {} as never, () => {}, pino({ level: 'silent' }));
    await expect(second.start()).rejects.toThrow('another drover-plugin is running');
    expect((await drover('queue')).code).toBe(0);
  });

  it('asks the running plugin what its policy says of a server', async () => {
    const asked = await drover('policy', 'explain', '--vm', 'vm-42', '--to', 'compute-2');
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    expect(asked.stdout).toContain('vm-42 on compute-1, to compute-2, by seed.yaml@00000000');
    expect(asked.stdout).toContain('because   rule at seed.yaml:19:7 (metadata drover:priority=high): high');
    expect(await drover('policy', 'explain', '--vm', 'vm-42', '--project', 'p')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('takes the facts from Nova'),
    });
  });
});

describe('GET /v1/notices', () => {
  it('tells those after an id, and refuses what is no id', async () => {
    const get = (path: string) =>
      axios.get(`http://control${path}`, { socketPath: control.socket, proxy: false, validateStatus: () => true });
    expect((await get('/v1/notices')).data).toEqual(NOTICES);
    expect((await get('/v1/notices?after=1')).data).toEqual([NOTICES[1]]);
    expect((await get('/v1/notices?after=x')).status).toBe(400);
    expect((await get('/v1/policy/explain')).status).toBe(400);
  });
});
