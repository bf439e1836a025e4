import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Exchange } from '../plugin/sender.ts';
import { PluginStage } from '../plugin/stage.ts';
import { expectUnchanged } from '../plugin/unchanged.ts';

const run = promisify(execFile);
const WITHIN = { timeout: 15_000 };

let disk = '';
let stage: PluginStage;
let cloud: PluginStage['cloud'];
let plugin: PluginStage['plugin'];

beforeEach(async () => {
  stage = await PluginStage.build();
  ({ cloud, plugin } = stage);
  disk = join(stage.folder, 'disk');
  mkdirSync(disk);
  plugin.database = join(disk, 'drover.db');
  await plugin.prepare();
});
afterEach(() => stage.stop());

/** In a mount namespace of its own, the database on a file system of 1 MiB. */
function start(options: string): Promise<void> {
  const mounted = `mount -t tmpfs -o size=1m,${options} drover "$0" && exec "$@"`;
  return stage.start(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mounted, disk]);
}

function inside(command: string): Promise<unknown> {
  return run('nsenter', ['-t', String(plugin.pid), '-m', 'sh', '-c', command]);
}

function send(n: number): Promise<Exchange> {
  return stage.send(stage.machines[3 * n]);
}

async function stateOf({ vmUuid }: Exchange): Promise<string | undefined> {
  return (await plugin.newest()).find((record) => record.vmUuid === vmUuid)?.state;
}

it('With a full disk a request goes to Nova as it came, what runs is written down when there is room again', async () => {
  await start('rw');
  const before = await send(0);
  expectUnchanged(cloud, before);
  await inside(`head -c 10M /dev/zero > ${disk}/fill || true`);
  const during = await send(1);
  expectUnchanged(cloud, during);
  await expect.poll(() => plugin.said('database or disk is full'), WITHIN).toBe(true);
  await expect.poll(() => cloud.ledger.taken.every(({ end }) => end !== null), WITHIN).toBe(true);
  // Its server may be migrated again, though nobody could write down that the first time is over.
  let again = before;
  const migrateAgain = async () => {
    again = await stage.send(before.vmUuid);
    return again.status;
  };
  await expect.poll(migrateAgain, WITHIN).toBe(202);
  expectUnchanged(cloud, again);
  await inside(`rm ${disk}/fill`);
  await expect.poll(async () => stateOf(before), WITHIN).toMatch(/completed|failed/);
  const after = await send(2);
  expectUnchanged(cloud, after);
  await expect.poll(async () => stateOf(after), WITHIN).toMatch(/completed|failed/);
  expect(await stateOf(during)).toBeUndefined();
});

it('With a disk that may only be read Nova can be reached, and Drover manages when it may be written', async () => {
  await start('ro');
  expectUnchanged(cloud, await send(0));
  expect(await plugin.health()).toMatchObject({ status: 'degraded' });
  await inside(`mount -o remount,rw ${disk}`);
  await expect.poll(() => plugin.said('Drover manages from now on'), WITHIN).toBe(true);
  const after = await send(1);
  expectUnchanged(cloud, after);
  await expect.poll(async () => stateOf(after), WITHIN).toMatch(/completed|failed/);
});
