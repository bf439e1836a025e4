import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { lease, Rig } from './rig.ts';

const rig = new Rig();
let before = '';

beforeAll(async () => {
  await rig.start();
  before = await rig.snapshot();
});
afterEach(() => rig.killDaemon('SIGTERM'));
afterAll(() => rig.stop());

/** Kernel and disk agree: classes where there is a lease, nothing of hostd's where there is none. */
async function expectAgreement(): Promise<void> {
  const onDisk = await rig.leasesOnDisk();
  const { leases } = (await rig.call('GET', '/v1/leases')).json;
  expect(leases.map(({ leaseId }: { leaseId: string }) => leaseId)).toEqual(onDisk);
  if (onDisk.length === 0) {
    expect(await rig.snapshot()).toBe(before);
    return;
  }
  const [{ tx }] = leases.slice(-1);
  const rate = `rate ${tx.migration.rateBitsPerSecond / 1e6}Mbit`;
  for (const dev of ['nic0', 'drover-ifb0']) expect(await rig.tc('class', 'show', 'dev', dev)).toContain(rate);
  expect(await rig.tc('filter', 'show', 'dev', 'nic0', 'parent', 'ffff:')).toContain('Redirect to device drover-ifb0');
}

describe('kill -9', () => {
  // Milliseconds after a call was sent: before, during and after the work in the kernel.
  it.each([0, 15, 30, 45, 60, 90, 130])('%d ms into taking a lease', async (delayMs) => {
    await rig.startDaemon();
    const asked = rig.call('PUT', '/v1/leases/a', lease(140, 40));
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await rig.killDaemon();
    await asked;
    await rig.startDaemon();
    await expectAgreement();
    await rig.call('DELETE', '/v1/leases/a?fence=1');
    expect(await rig.snapshot()).toBe(before);
  });

  it.each([10, 25, 40, 60, 90])('%d ms into releasing one', async (delayMs) => {
    await rig.startDaemon();
    await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    const asked = rig.call('DELETE', '/v1/leases/a?fence=1');
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await rig.killDaemon();
    await asked;
    await rig.startDaemon();
    await expectAgreement();
    await rig.call('DELETE', '/v1/leases/a?fence=1');
    expect(await rig.snapshot()).toBe(before);
  });

  it('leaves a lease its time: what is over at the next start is taken away', async () => {
    await rig.startDaemon();
    await rig.call('PUT', '/v1/leases/a', lease(140, 40, { ttlMs: 60_000 }));
    await rig.call('PUT', '/v1/leases/b', lease(100, 40, { ttlMs: 1000 }));
    await rig.killDaemon();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await rig.startDaemon();
    expect(await rig.leasesOnDisk()).toEqual(['a']);
    const [kept] = (await rig.call('GET', '/v1/leases')).json.leases;
    expect(kept.expiresInMs).toBeLessThan(59_000);
    await expectAgreement();
    await rig.call('DELETE', '/v1/leases/a?fence=1');
  });
});

describe('a root qdisc that was there', () => {
  it('comes back exactly though hostd was killed in between', async () => {
    await rig.tc('qdisc', 'replace', 'dev', 'nic0', 'root', 'handle', '7:', 'bfifo', 'limit', '777777');
    const found = await rig.snapshot();
    await rig.startDaemon();
    await rig.call('PUT', '/v1/leases/a', lease(140, 40, { ttlMs: 1000 }));
    await rig.killDaemon();
    expect(await rig.snapshot()).toContain('htb d707:');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await rig.startDaemon();
    expect(await rig.snapshot()).toBe(found);
    await rig.tc('qdisc', 'del', 'dev', 'nic0', 'root');
  });
});

describe('a lease that was on disk before the kernel could refuse it', () => {
  it('is dropped at the next start, and keeps no other lease from the NIC', async () => {
    const { tx: _, ...rxOnly } = lease(140, 40);
    await rig.startDaemon();
    expect((await rig.call('PUT', '/v1/leases/a', rxOnly)).status).toBe(200);
    await rig.killDaemon();
    // As a hostd that is killed between its own disk and the kernel leaves it.
    const file = join(rig.dir, 'state/leases.json');
    const written = JSON.parse(await readFile(file, 'utf8'));
    const [{ expiresAtMs, owner }] = written.leases;
    written.leases.push({ leaseId: 'b', request: lease(100, 40), owner, expiresAtMs });
    written.unsure = { leaseId: 'b', before: null };
    await writeFile(file, JSON.stringify(written));
    await rig.tc('qdisc', 'replace', 'dev', 'nic0', 'root', 'handle', '1:', 'htb');
    try {
      await rig.startDaemon();
      expect(await rig.leasesOnDisk()).toEqual(['a']);
      expect(await rig.tc('class', 'show', 'dev', 'drover-ifb0')).toContain('rate 140Mbit');
      const { problems } = (await rig.call('GET', '/healthz')).json;
      expect(problems.filter((problem: string) => /NIC|lease/.test(problem))).toEqual([]);
      await rig.call('DELETE', '/v1/leases/a?fence=1');
    } finally {
      await rig.tc('qdisc', 'del', 'dev', 'nic0', 'root');
    }
    expect(await rig.snapshot()).toBe(before);
  });
});

describe('the NIC', () => {
  it('is put right when somebody else took the classes or the IFB away', async () => {
    await rig.startDaemon();
    await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    await rig.tc('qdisc', 'del', 'dev', 'nic0', 'root');
    await rig.ip('link', 'del', 'dev', 'drover-ifb0');
    await rig.killDaemon();
    await rig.startDaemon();
    await expectAgreement();
    await rig.call('DELETE', '/v1/leases/a?fence=1');
    expect(await rig.snapshot()).toBe(before);
  });
});
