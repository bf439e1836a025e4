import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MigrationView } from '../../hostd/contract.ts';
import { dirtyMemory, type Guest, hostOf, verifyMemory } from '../lab/guests.ts';
import { daemonPid } from '../lab/processes.ts';
import { SERVICE_UID } from '../lab/service.ts';
import { bearing, ENDED, ENDED_WITHIN_MS, Stage } from './stage.ts';

const SOURCE = 'compute-1';
const DESTINATION = 'compute-2';
/** linux/capability.h: CAP_NET_ADMIN is bit 12. */
const NET_ADMIN = '0000000000001000';
let stage: Stage;
let guest: Guest;

beforeAll(async () => {
  stage = await Stage.start({ technique: 'pre-copy' });
  await renew();
});
afterAll(() => stage?.stop());

async function renew(): Promise<void> {
  guest = await stage.boot({ name: 'hostd', host: SOURCE, flavor: 'm256', fillMebibytes: 128 });
}

const hostd = (host: string, path: string) => stage.drover.hostd(host, 'GET', path);

async function view(host: string): Promise<MigrationView | undefined> {
  const { migrations } = (await hostd(host, '/v1/migrations')).json as { migrations: MigrationView[] };
  return migrations.findLast(({ vmUuid }) => vmUuid === guest.id);
}

async function libvirtProblems(host: string): Promise<string> {
  const { problems } = (await hostd(host, '/healthz')).json as { problems: string[] };
  return problems.filter((problem) => /libvirt|virsh/.test(problem)).join(' ');
}

async function speeds(host: string): Promise<string[]> {
  const of = async (...more: string[]) =>
    (await stage.lab.mustOn(host, ['virsh', 'migrate-getspeed', guest.domain, ...more])).trim();
  return [await of(), await of('--postcopy')];
}

describe('hostd in the lab', () => {
  it('runs as a user of its own with CAP_NET_ADMIN and the groups of libvirt and nova, and is content', async () => {
    const sockets = await stage.lab.mustOn(SOURCE, ['ss', '-Hltnp', 'sport = :7411']);
    const status = await stage.lab.mustOn(SOURCE, ['cat', `/proc/${/pid=(\d+)/.exec(sockets)?.[1]}/status`]);
    const field = (name: string) => new RegExp(`^${name}:\\s+(.*?)\\s*$`, 'm').exec(status)?.[1];
    const groups = (await stage.lab.mustOn(SOURCE, ['getent', 'group', 'libvirt', 'nova'])).trim().split('\n');
    expect([field('Uid')?.split('\t')[1], field('CapEff'), field('CapBnd')]).toEqual([
      String(SERVICE_UID),
      NET_ADMIN,
      NET_ADMIN,
    ]);
    expect(field('Groups')?.split(' ').sort()).toEqual(groups.map((line) => line.split(':')[2]).sort());
    expect(await libvirtProblems(SOURCE)).toBe('');
    expect((await hostd(SOURCE, '/v1/host')).json).toMatchObject({ postCopy: { permitted: true } });
  });

  it(
    'holds the stream of a migration that Nova drives, and puts the speeds back when Nova aborts it',
    bearing(async () => {
      const before = await speeds(SOURCE);
      const limitBits = 40e6;
      const rates = { rateBitsPerSecond: 50e6, ceilBitsPerSecond: 400e6, prio: 1 };
      const lease = {
        holder: 'test',
        fence: Number((await hostd(SOURCE, '/v1/leases')).json.fence),
        vmUuid: guest.id,
        priority: 'high',
        tx: { migration: rates, workload: rates },
        maxBandwidthBitsPerSecond: limitBits,
        ttlMs: 120_000,
      };
      expect((await stage.drover.hostd(SOURCE, 'PUT', '/v1/leases/speed', lease)).status).toBe(200);
      try {
        await stage.lab.mustNova('POST', `/servers/${guest.id}/action`, {
          'os-migrateLive': { host: DESTINATION, block_migration: 'auto' },
        });
        await expect.poll(async () => (await view(SOURCE))?.status, { timeout: 30_000 }).toBe('active');
        await expect.poll(async () => (await speeds(SOURCE))[0], { timeout: 10_000 }).toBe('4');
        await new Promise((resolve) => setTimeout(resolve, 7000));
        const { nic } = (await hostd(SOURCE, '/v1/sample')).json;
        console.log(`limit 40 Mbit/s under Nova: ${(nic.migrationTxBitsPerSecond / 1e6).toFixed(1)} Mbit/s on the NIC`);
        expect(nic.migrationTxBitsPerSecond).toBeGreaterThan(0.5 * limitBits);
        expect(nic.migrationTxBitsPerSecond).toBeLessThan(1.2 * limitBits);
        const [running] = (await stage.lab.mustNova('GET', `/servers/${guest.id}/migrations`)).json.migrations;
        expect((await stage.lab.nova('DELETE', `/servers/${guest.id}/migrations/${running.id}`)).status).toBe(202);
        await expect.poll(async () => (await view(SOURCE))?.status, { timeout: 30_000 }).toBe('cancelled');
        await expect.poll(() => speeds(SOURCE), { timeout: 15_000 }).toEqual(before);
      } finally {
        await stage.drover.hostd(SOURCE, 'DELETE', `/v1/leases/speed?fence=${lease.fence}`);
      }
      await expect
        .poll(async () => (await stage.lab.mustNova('GET', `/servers/${guest.id}`)).json.server.status, {
          timeout: 30_000,
        })
        .toBe('ACTIVE');
    }, renew),
  );

  it(
    'goes on where libvirtd hung in the middle of a migration: it ends, is recorded, and no page is lost',
    bearing(async () => {
      const from = await hostOf(stage.lab, guest);
      const to = from === SOURCE ? DESTINATION : SOURCE;
      const pid = daemonPid(stage.lab.paths, `libvirtd-${from.at(-1)}`);
      if (pid === undefined) throw new Error(`no libvirtd of ${from} is known`);
      await dirtyMemory(stage.lab, guest, 48, 24);
      expect((await stage.migrate(guest, to)).status).toBe(202);
      await expect.poll(async () => (await view(from))?.status, { timeout: 30_000, interval: 100 }).toBe('active');
      process.kill(pid, 'SIGSTOP');
      let longestMs = 0;
      try {
        const endsAtMs = performance.now() + 14_000;
        let problem = '';
        while (performance.now() < endsAtMs) {
          const sentAtMs = performance.now();
          problem = await libvirtProblems(from);
          longestMs = Math.max(longestMs, performance.now() - sentAtMs);
          await new Promise((resolve) => setTimeout(resolve, 300));
        }
        expect(problem).toMatch(/libvirt|virsh/);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      expect(longestMs).toBeLessThan(2000);
      await dirtyMemory(stage.lab, guest, 0, 0);
      const migration = await stage.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS);
      await expect
        .poll(async () => (await view(from))?.status, { timeout: 30_000 })
        .toMatch(/completed|failed|cancelled/);
      await expect.poll(() => libvirtProblems(from), { timeout: 30_000 }).toBe('');
      const at = await hostOf(stage.lab, guest);
      console.log(`libvirtd hung 14 s: Nova ${migration.state}, hostd ${(await view(from))?.status}, guest on ${at}`);
      expect((await view(from))?.status === 'completed').toBe(at === to);
      expect(migration.state === 'completed').toBe(at === to);
      expect(await verifyMemory(stage.lab, guest)).toMatchObject({ badPages: 0 });
      await expect
        .poll(async () => (await stage.lab.mustOn(from, ['tc', 'qdisc', 'show'])).includes('htb d707'), {
          timeout: 45_000,
        })
        .toBe(false);
    }, renew),
  );
});
