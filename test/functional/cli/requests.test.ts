import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hostView } from '../../../plugin/api/hosts.ts';
import { addRequestCommands } from '../../../plugin/cli/requests.ts';
import { addTokenCommands } from '../../../plugin/cli/token.ts';
import type { MigrationRecord } from '../../../plugin/contract.ts';
import { DroverError } from '../../../plugin/errors.ts';
import { ControlStage } from './control.ts';

const RECORD: MigrationRecord = {
  ...{ id: 7, vmUuid: '6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c11', vmName: 'vm-42', projectId: 'p', userId: 'bot' },
  ...{ source: 'compute-1', destination: null, novaMigrationId: null, novaMigrationUuid: null, deferred: true },
  ...{ state: 'queued', stateReason: null, receivedAtMs: 1000, submittedAtMs: null, endedAtMs: null, decision: null },
  ...{ progress: null, outcome: null, planned: null, asked: null },
};
const SILENT = {
  ...{ info: null, sample: null, sampleAtMs: 0, linkLostAtMs: null, reachable: false, migrations: null },
  clock: { offsetMs: 0, errorMs: 0 },
};

let control: ControlStage;
const asked: unknown[] = [];
let printed: string[] = [];

beforeEach(async () => {
  asked.length = 0;
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((text: string) => void printed.push(text));
  control = await ControlStage.start({
    ask: async (request) => {
      asked.push(request);
      return { record: RECORD, added: true };
    },
    cancel: async (id) => {
      if (id !== RECORD.id) throw new DroverError('migration-unknown', `no migration ${id}`);
      return { ...RECORD, state: 'aborted' };
    },
    setPriority: async () => RECORD,
    note: () => {},
    hosts: () => [hostView('compute-1', SILENT, { nowMs: 0, policy: null, moving: [] })],
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await control.stop();
});

/** What the command prints; throws what it ends with. */
async function drover(...args: string[]): Promise<string> {
  const program = new Command('drover').exitOverride().configureOutput({ writeErr: () => {} });
  addRequestCommands(program, () => control.socket, Number);
  addTokenCommands(program);
  for (const command of program.commands)
    for (const one of [command, ...command.commands]) one.copyInheritedSettings(program);
  printed = [];
  await program.parseAsync(args, { from: 'user' });
  return printed.join('\n');
}

describe('drover migrate, cancel, priority, hosts', () => {
  it('sends what was written and tells what came of it', async () => {
    const words = ['--to', 'compute-2', '--priority', 'high', '--at', '2026-12-01T04:00:00Z', '--key', 'k'];
    expect(await drover('migrate', 'vm-42', ...words)).toBe('migration 7 of vm-42: queued');
    expect(asked).toEqual([
      {
        ...{ vm: 'vm-42', destination: 'compute-2', priority: 'high' },
        ...{ notBeforeAtMs: Date.UTC(2026, 11, 1, 4), idempotencyKey: 'k' },
      },
    ]);
    expect(await drover('cancel', '7')).toBe('migration 7 is cancelled');
    expect(await drover('priority', '7', 'low')).toBe('migration 7 has priority low');
    await expect(drover('migrate', 'vm-42', '--at', 'tomorrow')).rejects.toThrow('write a time with its zone');
    await expect(drover('priority', '7', 'urgent')).rejects.toThrow('it is one of high, medium, low');
    await expect(drover('cancel', '8')).rejects.toThrow('no migration 8');
  });

  it('shows the hosts and what to look at', async () => {
    const hosts = await drover('hosts');
    expect(hosts).toMatch(/│ compute-1 │ silent /);
    expect(hosts).toContain('! hostd on compute-1 does not answer');
  });
});

describe('drover token', () => {
  it('prints a token once, keeps its hash, lists and ends it', async () => {
    const file = ['--file', join(control.folder, 'tokens.yaml')];
    const token = await drover('token', 'create', 'bot', '--role', 'request', '--days', '30', ...file);
    expect(token).toMatch(/^drover_[\w-]{43}$/);
    expect(readFileSync(join(control.folder, 'tokens.yaml'), 'utf8')).not.toContain(token.slice('drover_'.length));
    expect(statSync(join(control.folder, 'tokens.yaml')).mode & 0o777).toBe(0o600);
    expect(await drover('token', 'list', ...file)).toMatch(/│ bot +│ request │ .*Z │ .*Z │/);
    await expect(drover('token', 'create', 'x', '--role', 'root', ...file)).rejects.toThrow(
      'Allowed choices are read, request, operate, admin',
    );
    await drover('token', 'revoke', 'bot', ...file);
    expect(await drover('token', 'list', ...file)).not.toContain('bot');
  });
});
