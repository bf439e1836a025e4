import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MigrationView } from '../../../hostd/contract.ts';
import type { Virsh } from '../../../hostd/libvirt/virsh.ts';
import type { GuestLimits } from '../../../hostd/shape/combine.ts';
import { GuestLimiter } from '../../../hostd/shape/limiter.ts';

const VM = '3f6a1c9e-4b1d-4a55-9a3c-0d6d5a1f2b10';
const REFUSES = '0b8c5f0e-1f4a-4d0e-8a53-5f6b7c8d9e01';
const NONE: GuestLimits = { maxDowntimeMs: null, maxBandwidthBitsPerSecond: null };
const LIMITS: GuestLimits = { maxDowntimeMs: 300, maxBandwidthBitsPerSecond: 100e6 };
const BEFORE = { 'migrate-setmaxdowntime': 50, 'migrate-setspeed': 8796093022207, 'migrate-setspeed--postcopy': 0 };
const HELD = { 'migrate-setmaxdowntime': 300, 'migrate-setspeed': 11, 'migrate-setspeed--postcopy': 11 };

/** libvirt as far as one guest's limits go: the faults wanted here cannot be made at will in a real one. */
class Libvirt {
  guest: Record<string, number> | null = { ...BEFORE };
  answers = true;
  log: string[] = [];

  /** A guest of which libvirt tells and takes nothing. */
  refuses: string | null = null;

  async one(command: string, _uuid: string, value: string, flag = ''): Promise<string> {
    if (!this.answers || this.guest === null) throw new Error('command-failed');
    this.log.push(`${command}${flag} ${value}`);
    this.guest[command + flag] = Number(value);
    return '';
  }

  async batch(commands: string[][]): Promise<string[]> {
    if (!this.answers) throw new Error('command-failed');
    return commands.map(([command = '', uuid, flag = '']) => {
      if (uuid === this.refuses) return '';
      const value = this.guest?.[command.replace('get', 'set') + flag];
      return value === undefined ? '' : `${value}\n`;
    });
  }
}

let stateDir: string;
let libvirt: Libvirt;
let wanted: GuestLimits;
let status: MigrationView['status'] | null;
let limiters: GuestLimiter[];

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'drover-limiter-'));
  libvirt = new Libvirt();
  wanted = LIMITS;
  status = 'active';
  limiters = [];
});
afterEach(async () => {
  await Promise.all(limiters.map((limiter) => limiter.stop()));
  await rm(stateDir, { recursive: true, force: true });
});

function limiterOf(bootId: string): GuestLimiter {
  return new GuestLimiter(
    {
      virsh: libvirt as unknown as Virsh,
      stateDir,
      bootId,
      wanted: () => wanted,
      migrating: () => (status === null ? [] : [{ vmUuid: VM, status } as MigrationView]),
      running: async () => (libvirt.answers ? libvirt.guest !== null : null),
    },
    pino({ level: 'silent' }),
  );
}

async function start(bootId = 'boot-1'): Promise<GuestLimiter> {
  const limiter = limiterOf(bootId);
  limiters.push(limiter);
  await limiter.start();
  return limiter;
}

const guest = () => expect.poll(() => libvirt.guest);
const record = () => existsSync(join(stateDir, 'guests.json'));
const dropped = () => expect.poll(record).toBe(false);

describe('GuestLimiter', () => {
  it('holds what the lease asks for, with what was found on disk before, and puts it back with the lease', async () => {
    await start();
    await guest().toEqual(HELD);
    expect(JSON.parse(await readFile(join(stateDir, 'guests.json'), 'utf8'))).toEqual({
      bootId: 'boot-1',
      guests: { [VM]: { downtimeMs: 50, speedMebibytes: 8796093022207, postCopySpeedMebibytes: 0 } },
    });
    wanted = NONE;
    await guest().toEqual(BEFORE);
    await dropped();
  });

  it('sets the downtime again that Nova has overridden', async () => {
    await start();
    await guest().toEqual(HELD);
    libvirt.guest = { ...HELD, 'migrate-setmaxdowntime': 75 };
    await guest().toEqual(HELD);
    // What Nova has set meanwhile is not what was found.
    wanted = NONE;
    await guest().toEqual(BEFORE);
  });

  it('follows a lease that changes, and does not take its own limit for what was found', async () => {
    await start();
    await guest().toEqual(HELD);
    wanted = { ...LIMITS, maxBandwidthBitsPerSecond: 200e6 };
    await guest().toMatchObject({ 'migrate-setspeed': 23, 'migrate-setspeed--postcopy': 23 });
    wanted = NONE;
    await guest().toEqual(BEFORE);
  });

  it('puts the speeds back when the migration fails, and leaves the downtime to libvirt', async () => {
    await start();
    await guest().toEqual(HELD);
    status = null;
    await guest().toEqual({ ...BEFORE, 'migrate-setmaxdowntime': 300 });
    await dropped();
  });

  it('drops the record when the guest has left', async () => {
    await start();
    await guest().toEqual(HELD);
    libvirt.guest = null;
    libvirt.log = [];
    status = null;
    await dropped();
    expect(libvirt.log).toEqual([]);
  });

  it('puts back after a kill, and only on the boot that it was found on', async () => {
    const killed = await start();
    await guest().toEqual(HELD);
    await killed.stop(); // leaves all as it is, like a kill
    wanted = NONE;
    await start('boot-2');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(libvirt.guest).toEqual(HELD);
    await start('boot-1');
    await guest().toEqual(BEFORE);
    await dropped();
  });

  it('goes on with a lease after a kill without taking its own limits for what was found', async () => {
    await (async () => (await start()).stop())();
    await start().then(() => guest().toEqual(HELD));
    await limiters[1]?.stop();
    await start();
    await new Promise((resolve) => setTimeout(resolve, 500));
    wanted = NONE;
    await guest().toEqual(BEFORE);
  });

  it('puts back once for a hostd that is down for good, but not under a lease that goes on', async () => {
    const killed = await start();
    await expect.poll(() => libvirt.guest).toEqual(HELD);
    await killed.stop();
    await limiterOf('boot-1').putBackOnce();
    expect(libvirt.guest).toEqual(HELD);
    wanted = NONE;
    libvirt.answers = false;
    await expect(limiterOf('boot-1').putBackOnce()).rejects.toThrow('command-failed');
    expect(existsSync(join(stateDir, 'guests.json'))).toBe(true);
    libvirt.answers = true;
    await limiterOf('boot-1').putBackOnce();
    // The downtime is libvirt's to put back, at the end of the migration.
    expect(libvirt.guest).toEqual({ ...BEFORE, 'migrate-setmaxdowntime': 300 });
    expect(existsSync(join(stateDir, 'guests.json'))).toBe(false);
  });

  it('puts back once what it can where another guest refuses, and keeps note of that one', async () => {
    const killed = await start();
    await expect.poll(() => libvirt.guest).toEqual(HELD);
    await killed.stop();
    wanted = NONE;
    const file = join(stateDir, 'guests.json');
    const { bootId, guests } = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ bootId, guests: { [REFUSES]: guests[VM], ...guests } }));
    libvirt.refuses = REFUSES;
    await expect(limiterOf('boot-1').putBackOnce()).rejects.toThrow('libvirt does not tell its limits');
    expect(libvirt.guest).toEqual({ ...BEFORE, 'migrate-setmaxdowntime': 300 });
    expect(Object.keys(JSON.parse(await readFile(file, 'utf8')).guests)).toEqual([REFUSES]);
  });

  it('forgets once a guest that has left while hostd was down', async () => {
    const killed = await start();
    await expect.poll(() => libvirt.guest).toEqual(HELD);
    await killed.stop();
    wanted = NONE;
    libvirt.guest = null;
    await limiterOf('boot-1').putBackOnce();
    expect(existsSync(join(stateDir, 'guests.json'))).toBe(false);
  });

  it('puts back later if libvirt does not answer now', async () => {
    await start();
    await guest().toEqual(HELD);
    libvirt.answers = false;
    wanted = NONE;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(record()).toBe(true);
    libvirt.answers = true;
    await guest().toEqual(BEFORE);
  });

  it('changes nothing that it could not write down', async () => {
    // A directory in the place of the file: as with a full disk, writing fails.
    await rm(stateDir, { recursive: true, force: true });
    await start();
    await rm(stateDir, { recursive: true, force: true });
    await writeFile(stateDir, 'no directory');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(libvirt.log).toEqual([]);
    expect(libvirt.guest).toEqual(BEFORE);
  });
});
