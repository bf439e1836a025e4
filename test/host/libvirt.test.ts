import { readdirSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HostSample, MigrationView } from '../../hostd/contract.ts';
import { dirtyGuest, GUEST, guestAddress } from './hypervisor.ts';
import { pairOfHypervisors } from './pair.ts';
import { lease } from './rig.ts';

// A real libvirtd and real QEMU guests; the second libvirtd, at the far end of the NIC, takes migrations in.
const { rig, here, there } = pairOfHypervisors();

const health = async (): Promise<string> => (await rig.call('GET', '/healthz')).json.problems.join(' ');
const libvirtProblem = async () => /[^.]*(libvirt|virsh)[^.]*\./.exec(await health())?.[0] ?? '';
const healthy = () => expect.poll(libvirtProblem, { timeout: 30_000, interval: 200 }).toBe('');

async function vmRate(): Promise<number> {
  const { vms, ageMs } = (await rig.call('GET', '/v1/sample')).json as HostSample;
  // An old reading would be no proof.
  if (ageMs > 5000) return 0;
  return vms.find(({ vmUuid }) => vmUuid === GUEST.uuid)?.rxBitsPerSecond ?? 0;
}

/** Processes that the daemon started, by what they run; those that ended and were not taken leave of are `zombie`. */
function childrenPids(): Map<string, number[]> {
  const pids = new Map<string, number[]>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const [, name = '', state, parent] =
        /^\d+ \((.*)\) (\S) (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, 'utf8')) ?? [];
      if (Number(parent) !== rig.daemon?.pid) continue;
      const key = state === 'Z' ? 'zombie' : name;
      pids.set(key, [...(pids.get(key) ?? []), Number(entry)]);
    } catch {
      // It ended while we looked.
    }
  }
  return pids;
}

function children(): Record<string, number> {
  return Object.fromEntries([...childrenPids()].map(([name, pids]) => [name, pids.length]));
}

/** A program that node has just been told of is a zombie for a moment: one that stays is the fault. */
async function expectFewChildren(): Promise<void> {
  await expect.poll(() => children().zombie ?? 0).toBe(0);
  expect(children().virsh ?? 0, JSON.stringify(children())).toBeLessThanOrEqual(10);
}

/** libvirt is asked by time every 10 s, and waited for 10 s. */
const TOLD_WITHIN_MS = 60_000;

interface Watched {
  callsMs: number[];
  mostVirsh: number;
  problems: Set<string>;
  leastVmRate: number;
}

/** Uses the API as the plugin does while something is wrong with libvirt: until that is told, and so long behind it. */
async function watch(problem: RegExp, moreMs = 5000): Promise<Watched> {
  const watched: Watched = {
    callsMs: [],
    mostVirsh: 0,
    problems: new Set(),
    leastVmRate: Number.POSITIVE_INFINITY,
  };
  const givesUpAtMs = performance.now() + TOLD_WITHIN_MS;
  for (let endsAtMs = givesUpAtMs; performance.now() < endsAtMs; ) {
    for (const [method, path, body] of [
      ['GET', '/v1/sample', undefined],
      ['GET', '/v1/migrations', undefined],
      ['GET', '/healthz', undefined],
      ['PUT', '/v1/leases/a', lease(100, 40)],
      ['DELETE', '/v1/leases/a?fence=1', undefined],
    ] as const) {
      const sentAtMs = performance.now();
      const { status } = await rig.call(method, path, body);
      expect([path, status < 300]).toEqual([path, true]);
      watched.callsMs.push(performance.now() - sentAtMs);
    }
    const told = await libvirtProblem();
    if (endsAtMs === givesUpAtMs && problem.test(told)) endsAtMs = performance.now() + moreMs;
    // The last is what is told now.
    watched.problems.delete(told);
    watched.problems.add(told);
    watched.leastVmRate = Math.min(watched.leastVmRate, await vmRate());
    watched.mostVirsh = Math.max(watched.mostVirsh, children().virsh ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await expectFewChildren();
  return watched;
}

async function expectServed(problem: RegExp, moreMs?: number): Promise<void> {
  const watched = await watch(problem, moreMs);
  const { callsMs, problems, ...rest } = watched;
  const slow = callsMs.filter((ms) => ms > 2000).length;
  console.log(expect.getState().currentTestName, { ...rest, problems, slow, of: callsMs.length });
  expect([...problems].at(-1)).toMatch(problem);
  expect(watched.leastVmRate).toBeGreaterThan(0);
  // hostd itself waits 3 s for a virsh that hangs, and longer: a call that did so would be one of five.
  expect(slow / callsMs.length).toBeLessThan(0.1);
  expect(watched.mostVirsh).toBeLessThanOrEqual(10);
}

/** Packets to the guest, so that its traffic is seen. */
async function talk(): Promise<void> {
  const ping = rig.spawn(rig.peer, 'ping', '-q', '-i', '0.05', '-s', '1000', guestAddress(GUEST));
  onTestFinished(() => {
    ping.kill();
  });
  // Two thirds of a window of it.
  await expect.poll(vmRate).toBeGreaterThan(100_000);
}

const views = async (): Promise<MigrationView[]> => (await rig.call('GET', '/v1/migrations')).json.migrations;
const last = async () => (await views()).findLast(({ vmUuid }) => vmUuid === GUEST.uuid);
const status = async () => (await last())?.status;

describe('a libvirtd', () => {
  it('that hangs: NIC and VMs are measured, calls are answered at once, and hostd goes on by itself', async () => {
    await healthy();
    await talk();
    here.signal('SIGSTOP');
    try {
      await expectServed(/libvirt does not answer.*no end after/);
    } finally {
      here.signal('SIGCONT');
    }
    await healthy();
    await expectFewChildren();
    expect(await vmRate()).toBeGreaterThan(0);
  });

  it('whose socket vanishes, and comes back: what is connected goes on, a new connection is told as a problem', async () => {
    await talk();
    await rename(here.socket, `${here.socket}.away`);
    try {
      await expectServed(/^$/, 3000);
      for (const pid of childrenPids().get('virsh') ?? []) process.kill(pid, 'SIGKILL');
      await expectServed(/libvirt does not answer.*(No such file|Failed to connect)/);
    } finally {
      await rename(`${here.socket}.away`, here.socket);
    }
    await healthy();
  });

  it('that is killed and starts again: its guests are measured meanwhile, and known after', async () => {
    await talk();
    await here.stopLibvirtd();
    await expectServed(/libvirt does not answer|virsh event does not run/);
    await here.startLibvirtd();
    await healthy();
    const other = {
      ...GUEST,
      name: 'two',
      uuid: '22222222-2222-4222-8222-222222222222',
      lastByte: 61,
      fillMebibytes: 1,
    };
    await here.startGuest(other);
    // By its event: the look by time comes every 10 s only.
    const seen = async () => (await rig.call('GET', '/v1/sample')).json.vms.map((vm: { vmUuid: string }) => vm.vmUuid);
    await expect.poll(seen, { timeout: 8000 }).toContain(other.uuid);
    await here.virsh('destroy', other.name);
    await expect.poll(seen, { timeout: 8000 }).not.toContain(other.uuid);
  });
});

describe('a migration', () => {
  /** Slow enough to last for a minute. */
  async function begin(): Promise<void> {
    await here.virsh('migrate-setspeed', GUEST.name, '1');
    here.migrate(GUEST.name, there).catch(() => 'libvirtd went away beneath it');
    await expect.poll(status).toBe('active');
  }

  it('that a dying libvirtd leaves behind and its successor cancels is told as failed, and the guest is here', async () => {
    await dirtyGuest(rig, GUEST, 32, 20);
    await begin();
    await here.stopLibvirtd();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await status()).toBe('active');
    await here.startLibvirtd();
    await expect.poll(status).toMatch(/^(failed|cancelled)$/);
    expect(await here.virsh('domstate', GUEST.name)).toContain('running');
    await dirtyGuest(rig, GUEST, 0, 0);
    await healthy();
  });

  it('that ends while nobody hears libvirt is found ended, with its guest gone', async () => {
    await begin();
    here.signal('SIGSTOP');
    try {
      // Longer than hostd's own virsh waits for a sign of life: what comes now, comes to nobody.
      await expect.poll(libvirtProblem).not.toBe('');
      await new Promise((resolve) => setTimeout(resolve, 10_000));
    } finally {
      here.signal('SIGCONT');
    }
    await here.virsh('migrate-setspeed', GUEST.name, '1000').catch(() => '');
    await expect.poll(status, { timeout: 60_000 }).toBe('completed');
    expect(await there.virsh('domstate', GUEST.name)).toContain('running');
    const listed = async () => (await rig.call('GET', '/v1/sample')).json.vms.length;
    await expect.poll(listed).toBe(0);
    await healthy();
  }, 150_000);
});
