import { describe, expect, it } from 'vitest';
import type { HostSample, MigrationView } from '../../hostd/contract.ts';
import { dirtyGuest, GUEST, waitForAgent } from './hypervisor.ts';
import { pairOfHypervisors } from './pair.ts';
import { lease } from './rig.ts';

// Real QEMU guests between two libvirtds: what hostd measures of them, and what it sets on them for a while.
const { rig, here, there } = pairOfHypervisors();
const MEBI = 2 ** 20;
const LIMIT_BITS = 24e6;

async function sample(): Promise<HostSample> {
  return (await rig.call('GET', '/v1/sample')).json;
}

async function view(): Promise<MigrationView | undefined> {
  const { migrations } = (await rig.call('GET', '/v1/migrations')).json as { migrations: MigrationView[] };
  return migrations.findLast(({ vmUuid }) => vmUuid === GUEST.uuid);
}
const status = async () => (await view())?.status;

/** Speed of pre-copy and of post-copy, and the downtime limit, as libvirt tells them. */
async function limits(): Promise<string[]> {
  const each = [
    ['migrate-getspeed', GUEST.name],
    ['migrate-getspeed', GUEST.name, '--postcopy'],
    ['migrate-getmaxdowntime', GUEST.name],
  ];
  return Promise.all(each.map(async (command) => (await here.virsh(...command)).trim()));
}

describe('the dirty rate', () => {
  /**
   * In four seconds the guest writes the same pages again. QEMU looks at 512 pages of each GiB (migration/dirtyrate.h), so
   * that a reading of D MiB has a standard error of about the square root of 2 D MiB: 11 of the 64 in a second.
   */
  const DIRTY = { mebibytes: 128, mebibytesPerSecond: 64 };
  const WIDE = {
    ...{ name: 'wide', uuid: '33333333-3333-4333-8333-333333333333', lastByte: 62 },
    ...{ memoryMebibytes: 256, fillMebibytes: 144 },
  };

  interface Seen {
    status: number;
    startedAt: number;
    seconds: number;
  }

  /** virDomainDirtyRateStatus of libvirt. */
  const MEASURING = 1;

  /** What QEMU says of its own measurement; libvirt's clock of it is in whole seconds. */
  async function measurement({ name }: { name: string }): Promise<Seen> {
    const text = await here.virsh('domstats', '--dirtyrate', '--raw', '--nowait', name);
    const figure = (name: string) => Number(new RegExp(`dirtyrate\\.${name}=(\\d+)`).exec(text)?.[1] ?? 0);
    return { status: figure('calc_status'), startedAt: figure('calc_start_time'), seconds: figure('calc_period') };
  }

  it('of a guest that writes at a known one is told so, lower in the longer window, one measurement at a time', async () => {
    await here.startGuest(WIDE);
    await waitForAgent(rig, WIDE);
    await dirtyGuest(rig, WIDE, DIRTY.mebibytes, DIRTY.mebibytesPerSecond);
    const windows = async () => {
      const { vms } = await sample();
      return vms.find(({ vmUuid }) => vmUuid === WIDE.uuid)?.dirtyWindows ?? [];
    };
    const begun: Seen[] = [];
    const sinceMs = Date.now();
    const fresh = async () => {
      const seen = await measurement(WIDE);
      if (seen.startedAt > 0 && begun.at(-1)?.startedAt !== seen.startedAt) begun.push(seen);
      return (await windows()).filter(({ measuredAtMs, windowMs }) => measuredAtMs - windowMs > sinceMs).length;
    };
    await expect.poll(fresh, { timeout: 50_000, interval: 200 }).toBe(2);
    const resident = (await sample()).vms.find(({ vmUuid }) => vmUuid === WIDE.uuid)?.residentBytes ?? 0;
    const ofQemu = await here.residentBytes(WIDE.name);
    console.log(
      `resident: told ${resident / MEBI} MiB, now ${ofQemu / MEBI} MiB, the guest filled ${WIDE.fillMebibytes}`,
    );
    expect(resident).toBeGreaterThan(WIDE.fillMebibytes * MEBI);
    expect(Math.abs(resident / ofQemu - 1)).toBeLessThan(0.25);
    const [short, long] = await windows();
    const megabytes = [short, long].map((each) => (each?.bytesPerSecond ?? 0) / MEBI);
    console.log(
      `dirties ${DIRTY.mebibytesPerSecond} MiB/s of ${DIRTY.mebibytes} MiB: windows of 1 s, 4 s:`,
      megabytes,
      begun,
    );
    expect([short?.windowMs, long?.windowMs]).toEqual([1000, 4000]);
    // On a busy machine the guest writes more slowly than it was told to.
    expect(megabytes[0]).toBeGreaterThan(DIRTY.mebibytesPerSecond * 0.1);
    expect(megabytes[0]).toBeLessThan(DIRTY.mebibytesPerSecond * 2);
    expect(megabytes[1]).toBeGreaterThan(0);
    // More than all of it cannot be dirty after four seconds.
    expect(megabytes[1]).toBeLessThanOrEqual(Math.max(megabytes[0] ?? 0, (1.5 * DIRTY.mebibytes) / 4));
    for (const [index, each] of begun.entries()) {
      const next = begun[index + 1];
      if (next !== undefined) expect(next.startedAt).toBeGreaterThanOrEqual(each.startedAt + each.seconds);
    }
    await here.virsh('destroy', WIDE.name);
  });

  it('is not measured while its guest migrates', async () => {
    const [speed = ''] = await limits();
    await here.virsh('migrate-setspeed', GUEST.name, '1');
    const ended = here.migrate(GUEST.name, there).catch((error: Error) => error);
    await expect.poll(status).toBe('active');
    // One that had begun before may end.
    await expect.poll(async () => (await measurement(GUEST)).status).not.toBe(MEASURING);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const before = (await measurement(GUEST)).startedAt;
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    expect(await status()).toBe('active');
    expect((await measurement(GUEST)).startedAt).toBe(before);
    await here.virsh('domjobabort', GUEST.name);
    expect(await ended).toBeInstanceOf(Error);
    await expect.poll(status).toBe('cancelled');
    await expect.poll(() => here.virsh('migrate-setspeed', GUEST.name, speed).catch(String)).toBe('');
  });
});

describe('the limits that a lease sets on a guest', () => {
  const { rx: _, ...request } = lease(100, 40, { vmUuid: GUEST.uuid, ttlMs: 120_000 });
  const put = (changes: object = {}) =>
    rig.call('PUT', '/v1/leases/a', {
      ...request,
      maxBandwidthBitsPerSecond: LIMIT_BITS,
      maxDowntimeMs: 777,
      ...changes,
    });
  const WHOLE_MEBIBYTES = Math.floor(LIMIT_BITS / 8 / MEBI);
  const LIMITED = [String(WHOLE_MEBIBYTES), String(WHOLE_MEBIBYTES), '777'];

  /** Bits per second of the stream on the NIC, by hostd's own counters, over these milliseconds. */
  async function streamRate(ms: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return (await sample()).nic.migrationTxBitsPerSecond;
  }

  /** QEMU sends up to a tenth more, and in post-copy the pages that the guest asks for on top. */
  function expectHeld(bitsPerSecond: number, most = 1.25): void {
    expect(bitsPerSecond).toBeGreaterThan(0.6 * WHOLE_MEBIBYTES * MEBI * 8);
    expect(bitsPerSecond).toBeLessThan(most * LIMIT_BITS);
  }

  it.each<[string, () => Promise<unknown>]>([
    ['was aborted', () => here.virsh('domjobabort', GUEST.name)],
    ['failed at its destination', () => there.virsh('destroy', GUEST.name)],
  ])('hold the stream, and are put back after a migration that %s', async (_what, end) => {
    const before = await limits();
    expect((await put()).status).toBe(200);
    expect(await limits()).toEqual(before);
    const ended = here.migrate(GUEST.name, there).catch((error: Error) => error);
    await expect.poll(limits).toEqual(LIMITED);
    const rate = await streamRate(4000);
    console.log(`limit ${LIMIT_BITS / 1e6} Mbit/s, pre-copy on the NIC: ${(rate / 1e6).toFixed(1)} Mbit/s`);
    expectHeld(rate);
    expect(await status()).toBe('active');
    await end();
    expect(await ended).toBeInstanceOf(Error);
    await expect.poll(status).toMatch(/^(failed|cancelled)$/);
    await expect.poll(limits).toEqual(before);
    // The lease may end later: nothing of it is set again.
    await rig.call('DELETE', '/v1/leases/a?fence=1');
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await limits()).toEqual(before);
  });

  it('are put back when the lease ends in the middle of a migration', async () => {
    const before = await limits();
    await put({ maxBandwidthBitsPerSecond: 8.5e6, maxDowntimeMs: undefined });
    const ended = here.migrate(GUEST.name, there).catch((error: Error) => error);
    await expect.poll(async () => (await limits())[0]).toBe('1');
    await rig.call('DELETE', '/v1/leases/a?fence=1');
    await expect.poll(async () => (await limits()).slice(0, 2)).toEqual(before.slice(0, 2));
    // Unlimited again it is over, or can be ended.
    await here.virsh('domjobabort', GUEST.name).catch(() => '');
    await ended;
    await expect.poll(status).toMatch(/^(failed|cancelled|completed)$/);
    const [from, to] = (await here.virsh('list', '--name')).includes(GUEST.name) ? [here, there] : [there, here];
    if (from === there) await from.migrate(GUEST.name, to);
  });

  it('hold the stream in post-copy too, and leave with the guest', async () => {
    const fresh = (await limits())[0];
    await put({ maxDowntimeMs: undefined });
    const ended = here.migrate(GUEST.name, there, '--postcopy').catch((error: Error) => error);
    await expect.poll(status).toBe('active');
    await expect.poll(async () => (await limits()).slice(0, 2)).toEqual(LIMITED.slice(0, 2));
    await here.virsh('migrate-postcopy', GUEST.name);
    await expect.poll(status).toBe('post-copy');
    const rate = await streamRate(4000);
    console.log(`limit ${LIMIT_BITS / 1e6} Mbit/s, post-copy on the NIC: ${(rate / 1e6).toFixed(1)} Mbit/s`);
    expect(await status()).toBe('post-copy');
    // Pages that the guest asks for are sent at once, on top of the limit; without one the stream fills the 200 Mbit/s.
    expectHeld(rate, 2.5);
    expect(String(await ended)).not.toContain('error');
    await expect.poll(status).toBe('completed');
    await rig.call('DELETE', '/v1/leases/a?fence=1');
    expect((await there.virsh('migrate-getspeed', GUEST.name)).trim()).toBe(fresh);
    expect((await rig.call('GET', '/healthz')).json.problems.join()).not.toContain('limits');
  });
});
