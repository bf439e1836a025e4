import { readdir } from 'node:fs/promises';
import { type RunCommand, runCommand } from '../../command.ts';
import { readLink } from '../../shape/links.ts';

/** Devices of this check, one for each process that runs one: `drover-c` and its number, at most 7 digits (PID_MAX_LIMIT). */
const PREFIX = 'drover-c';
/** By it a check knows what an earlier one left. */
const ADDRESS = '02:d7:07:1f:b0:02';

export const SCRATCH = { name: `${PREFIX}${process.pid}`, address: ADDRESS };

/** Removes what checks that were killed have left. */
export async function removeLeftovers(run: RunCommand = runCommand): Promise<void> {
  for (const name of await readdir('/sys/class/net').catch(() => [])) {
    const owner = new RegExp(`^${PREFIX}(\\d+)$`).exec(name)?.[1];
    if (owner === undefined || (Number(owner) !== process.pid && isAlive(Number(owner)))) continue;
    if ((await readLink(name))?.address === ADDRESS) await run('ip', ['link', 'del', 'dev', name]);
  }
}

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
