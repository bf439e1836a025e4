import type { Logger } from 'pino';
import { runCommand } from './command.ts';
import type { Config } from './config.ts';
import { HostdError } from './errors.ts';
import { Host } from './host.ts';
import { acquireLock } from './lock.ts';
import { createLeases } from './reservation.ts';

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
  } finally {
    host.stop();
    lock.release();
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
