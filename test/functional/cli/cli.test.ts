import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlServer } from '../../../plugin/api.ts';
import type { MigrationRecord } from '../../../plugin/contract.ts';

const CLI = join(import.meta.dirname, '../../../plugin/cli.ts');
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
};

let folder = '';
let socket = '';
let server: ControlServer | null = null;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-cli-'));
  socket = join(folder, 'control.sock');
  server = new ControlServer(
    socket,
    {
      unfinished: async () => [RECORD],
      newest: async () => [RECORD, { ...RECORD, id: 6, vmName: 'vm-41', state: 'completed' }],
      migration: async (id) => (id === RECORD.id ? RECORD : null),
      events: async () => [
        { migrationId: 7, atMs: 1000, state: 'queued', reason: { code: 'higher-runs', text: 'a higher group runs' } },
      ],
      policy: () => ({ active: null, loadedAtMs: null, refused: null }),
      health: () => ({ status: 'ok', problems: [] }),
    },
    pino({ level: 'silent' }),
  );
  await server.start();
});
afterEach(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true });
});

function drover(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { env: { DROVER_SOCKET: socket } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
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
    const silent = await drover('--socket', join(folder, 'nobody.sock'), 'queue');
    expect(silent).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('Is drover-plugin running?') });
  });

  it('does not let a second plugin take a living socket', async () => {
    const second = new ControlServer(socket, {} as never, pino({ level: 'silent' }));
    await expect(second.start()).rejects.toThrow('another drover-plugin is running');
    expect((await drover('queue')).code).toBe(0);
  });
});
