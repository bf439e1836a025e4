import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Cloud } from '../cloud/cloud.ts';
import { PluginProcess } from '../kills/plugin.ts';
import { type Exchange, sendMigration } from '../kills/sender.ts';

const run = promisify(execFile);
const HOSTS = ['compute-1', 'compute-2', 'compute-3'];
const WITHIN = { timeout: 15_000 };

let folder = '';
let disk = '';
let cloud: Cloud;
let plugin: PluginProcess;
let machines: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-disk-'));
  disk = join(folder, 'disk');
  mkdirSync(disk);
  cloud = new Cloud({ seed: 1, hosts: HOSTS, machines: 12, faults: 0, folder });
  const addresses = await cloud.start();
  machines = addresses.machines;
  plugin = new PluginProcess(join(folder, 'plugin'), addresses);
  plugin.database = join(disk, 'drover.db');
  await plugin.prepare();
});
afterEach(async () => {
  plugin.kill();
  await plugin.ended();
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

/** In a mount namespace of its own, the database on a file system of 1 MiB. */
async function start(options: string): Promise<void> {
  const mounted = `mount -t tmpfs -o size=1m,${options} drover "$0" && exec "$@"`;
  plugin.spawn(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mounted, disk]);
  expect(await plugin.ready()).toBe(true);
}

function inside(command: string): Promise<unknown> {
  return run('nsenter', ['-t', String(plugin.pid), '-m', 'sh', '-c', command]);
}

function send(n: number): Promise<Exchange> {
  return sendMigration(plugin.port, cloud, machines[3 * n] ?? '');
}

function expectUnchanged({ status, arrived, sent, tag }: Exchange): void {
  expect(status).toBe(202);
  expect(arrived).toEqual([sent]);
  expect(cloud.ledger.taken.filter((taken) => taken.tag === tag)).toMatchObject([{ by: 'caller' }]);
}

async function stateOf({ vmUuid }: Exchange): Promise<string | undefined> {
  return (await plugin.newest()).find((record) => record.vmUuid === vmUuid)?.state;
}

it('With a full disk a request goes to Nova as it came, what runs is written down when there is room again', async () => {
  await start('rw');
  const before = await send(0);
  expectUnchanged(before);
  await inside(`head -c 10M /dev/zero > ${disk}/fill || true`);
  const during = await send(1);
  expectUnchanged(during);
  await expect.poll(() => plugin.said('database or disk is full'), WITHIN).toBe(true);
  await expect.poll(() => cloud.ledger.taken.every(({ end }) => end !== null), WITHIN).toBe(true);
  // Its server may be migrated again, though nobody could write down that the first time is over.
  let again = before;
  const migrateAgain = async () => {
    again = await sendMigration(plugin.port, cloud, before.vmUuid);
    return again.status;
  };
  await expect.poll(migrateAgain, WITHIN).toBe(202);
  expectUnchanged(again);
  await inside(`rm ${disk}/fill`);
  await expect.poll(async () => stateOf(before), WITHIN).toMatch(/completed|failed/);
  const after = await send(2);
  expectUnchanged(after);
  await expect.poll(async () => stateOf(after), WITHIN).toMatch(/completed|failed/);
  expect(await stateOf(during)).toBeUndefined();
});

it('With a disk that may only be read Nova can be reached, and Drover manages when it may be written', async () => {
  await start('ro');
  expectUnchanged(await send(0));
  expect(await plugin.health()).toMatchObject({ status: 'degraded' });
  await inside(`mount -o remount,rw ${disk}`);
  await expect.poll(() => plugin.said('Drover manages from now on'), WITHIN).toBe(true);
  const after = await send(1);
  expectUnchanged(after);
  await expect.poll(async () => stateOf(after), WITHIN).toMatch(/completed|failed/);
});
