import type { Logger } from 'pino';
import { readBootId } from './capability.ts';
import type { Config } from './config.ts';
import { describeError, HostdError } from './errors.ts';
import { Host } from './host.ts';
import { Virsh } from './libvirt/virsh.ts';
import { acquireLock } from './lock.ts';
import { IptablesCounters } from './measure/count/iptables.ts';
import { NftCounters } from './measure/count/nftables.ts';
import type { OwnTraffic } from './measure/netfilter.ts';
import { createLeases, ownTraffic } from './reservation.ts';
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
    if (all) await removeCounters(ownTraffic(config, host), log);
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

/** Those of either method: `counting` may have been another when they were made. */
async function removeCounters(own: OwnTraffic, log: Logger): Promise<void> {
  const nftables = new NftCounters(own, true);
  try {
    await nftables.remove();
  } catch (error) {
    if (!isMissing(error)) throw error;
  } finally {
    nftables.close();
  }
  try {
    await new IptablesCounters(own, true).remove();
  } catch (error) {
    // Where iptables does not work, as is common beside nftables, it did not count either.
    if (!isMissing(error)) log.warn({ error: describeError(error) }, 'Cannot look for counters in iptables');
  }
}

/** No such program. */
function isMissing(error: unknown): boolean {
  return error instanceof HostdError && error.message.includes('ENOENT');
}
