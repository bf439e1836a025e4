import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exchange } from '../plugin/sender.ts';
import { PluginStage } from '../plugin/stage.ts';
import { expectUnchanged } from '../plugin/unchanged.ts';

const WITHIN = { timeout: 30_000 };

let stage: PluginStage;
let cloud: PluginStage['cloud'];
let plugin: PluginStage['plugin'];
let machines: readonly string[];

beforeEach(async () => {
  stage = await PluginStage.build();
  ({ cloud, plugin, machines } = stage);
  await plugin.prepare();
});
afterEach(() => stage.stop());

/** The nth server; of each three in turn one is high, medium, low, and high ones start at once. */
function send(n: number): Promise<Exchange> {
  return stage.send(machines[3 * n]);
}

/** It is Drover's: decided and recorded. */
async function expectManaged(exchange: Exchange): Promise<void> {
  expectUnchanged(cloud, exchange);
  const record = (await plugin.newest()).find(({ vmUuid }) => vmUuid === exchange.vmUuid);
  expect(record?.decision?.technique).toBeDefined();
}

describe('With a database that', () => {
  it('somebody else holds locked, a request goes to Nova as it came; afterwards Drover manages again', async () => {
    await stage.start();
    const other = new Database(plugin.database);
    other.exec('BEGIN IMMEDIATE');
    expectUnchanged(cloud, await send(0));
    await expect.poll(() => plugin.said('database is locked'), WITHIN).toBe(true);
    other.exec('ROLLBACK');
    other.close();
    await expectManaged(await send(1));
  });

  it('was removed, everything is written down anew, and nothing is forgotten', async () => {
    await stage.start();
    await expectManaged(await send(0));
    for (const rest of ['', '-wal', '-shm']) rmSync(`${plugin.database}${rest}`, { force: true });
    await expectManaged(await send(1));
    expect((await plugin.newest()).map(({ vmUuid }) => vmUuid)).toEqual([machines[3], machines[0]]);
    plugin.kill();
    await plugin.ended();
    await stage.start();
    expect((await plugin.newest()).map(({ vmUuid }) => vmUuid)).toEqual([machines[3], machines[0]]);
  });

  it('was put in the place of the open one, requests go to Nova as they come until the open one is back', async () => {
    await stage.start();
    renameSync(plugin.database, `${plugin.database}.aside`);
    writeFileSync(plugin.database, '');
    expectUnchanged(cloud, await send(0));
    await expect.poll(() => plugin.said('is another file than the one that is open'), WITHIN).toBe(true);
    renameSync(`${plugin.database}.aside`, plugin.database);
    await expectManaged(await send(1));
  });

  it('is no database at the start, Nova can be reached all the same, and Drover manages once it is one', async () => {
    writeFileSync(plugin.database, 'no database, only a text that is long enough to be taken for a header');
    await stage.start();
    expectUnchanged(cloud, await send(0));
    expect(await plugin.health()).toMatchObject({ status: 'degraded' });
    expect((await plugin.health()).problems.join()).toContain('file is not a database');
    rmSync(plugin.database);
    await expect.poll(() => plugin.said('Drover manages from now on'), WITHIN).toBe(true);
    await expectManaged(await send(1));
    expect(await plugin.health()).toMatchObject({ status: 'ok' });
  });
});

describe('Without', () => {
  it('a policy a request goes to Nova as it came; the policy that was in effect outlives its file', async () => {
    const file = join(plugin.folder, 'policy.yaml');
    renameSync(file, `${file}.aside`);
    await stage.start();
    expectUnchanged(cloud, await send(0));
    expect((await plugin.newest())[0]?.decision).toBeNull();
    await expect.poll(() => plugin.said('there is no valid policy: to Nova unchanged'), WITHIN).toBe(true);
    renameSync(`${file}.aside`, file);
    await expect.poll(() => plugin.said('policy in effect'), WITHIN).toBe(true);
    await expectManaged(await send(1));
    rmSync(file);
    await expect.poll(() => plugin.log.filter(({ msg }) => msg.startsWith('policy refused')).length, WITHIN).toBe(2);
    await expectManaged(await send(2));
  });

  it('any hostd a request goes to Nova as it came, and is managed again once they answer', async () => {
    await stage.start();
    for (const host of cloud.hosts) await host.fallSilent();
    await expect.poll(async () => (await plugin.health()).problems.length, WITHIN).toBe(cloud.hosts.length);
    expectUnchanged(cloud, await send(0));
    expect((await plugin.newest())[0]?.decision).toBeNull();
    await expect.poll(() => plugin.said('has a hostd that answers: to Nova unchanged'), WITHIN).toBe(true);
    for (const host of cloud.hosts) await host.speak();
    await expect.poll(async () => (await plugin.health()).status, WITHIN).toBe('ok');
    await expectManaged(await send(1));
  });
});

describe('With', () => {
  it('samples that are too old a migration is decided by the rule for that, and starts', async () => {
    for (const host of cloud.hosts) host.alter = (sample) => ({ ...sample, ageMs: 60_000 });
    await stage.start();
    const exchange = await send(0);
    await expectManaged(exchange);
    const record = (await plugin.newest())[0];
    expect(record?.decision).toMatchObject({ classification: null, technique: 'pre-copy' });
  });

  it('samples that are not what the contract says nothing is decided on them', async () => {
    for (const host of cloud.hosts)
      host.alter = (sample) => ({ ...sample, nic: { ...sample.nic, txBitsPerSecond: -1 } });
    await stage.start();
    expectUnchanged(cloud, await send(0));
    for (const host of cloud.hosts) host.alter = (sample) => sample;
    await expect.poll(async () => (await plugin.health()).status, WITHIN).toBe('ok');
    await expectManaged(await send(1));
  });

  it('a process that stands still for a while each request goes to Nova once', async () => {
    await stage.start();
    process.kill(plugin.pid, 'SIGSTOP');
    const sent = [0, 1].map((n) => send(n));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    process.kill(plugin.pid, 'SIGCONT');
    for (const exchange of await Promise.all(sent)) expectUnchanged(cloud, exchange);
  });
});
