import type { Logger } from 'pino';
import { readBootId } from './capability.ts';
import { runCommand } from './command.ts';
import type { Config } from './config.ts';
import { describeError, HostdError } from './errors.ts';
import { Host } from './host.ts';
import { Virsh } from './libvirt/virsh.ts';
import { acquireLock } from './lock.ts';
import { createLeases } from './reservation.ts';
import type { Leases } from './shape/leases.ts';
import { GuestLimiter } from './shape/limiter.ts';

export interface CleanOptions {
  /** Ends every lease and takes away all that hostd ever made in the kernel, its counters too. */
  all: boolean;
}

/**
 * Does once what a running hostd does all the time: brings the kernel to the leases on disk that have not ended.
 *
 * @throws HostdError `already-running` while a hostd runs, for that one does it; others say what is left.
 */
export async function clean(config: Config, { all }: CleanOptions, log: Logger): Promise<void> {
  const lock = await acquireLock(config.stateDir);
  const host = new Host(config);
  try {
    await host.start();
    const leases = await createLeases(config, host, log);
    await leases.settleOnce({ all });
    if (all) await removeCounters();
    await putBackGuests(config, leases, log);
  } finally {
    host.stop();
    lock.release();
  }
}

/** libvirt may be away for good too: what could not be put back stays noted for the next time. */
async function putBackGuests({ libvirtUri, stateDir }: Config, leases: Leases, log: Logger): Promise<void> {
  const virsh = new Virsh(libvirtUri);
  const running = async (vmUuid: string) => (await virsh.one('list', '--uuid')).split(/\s+/).includes(vmUuid);
  const wanted = (vmUuid: string) => leases.guestLimits(vmUuid);
  const bootId = await readBootId();
  const limiter = new GuestLimiter({ virsh, stateDir, bootId, wanted, migrating: () => null, running }, log);
  try {
    await limiter.putBackOnce();
  } catch (error) {
    log.warn({ error: describeError(error) }, 'What leases have set on guests is not put back yet');
  }
}

/** A table is added before it is deleted, so that it does not matter whether it is there. */
async function removeCounters(): Promise<void> {
  const tables = ['bridge', 'inet'].flatMap((family) => [
    `add table ${family} drover`,
    `delete table ${family} drover`,
  ]);
  try {
    await runCommand('nft', ['-f', '-'], { input: `${tables.join('\n')}\n` });
  } catch (error) {
    if (error instanceof HostdError && error.message.includes('ENOENT')) return;
    throw error;
  }
}
