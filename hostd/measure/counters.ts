import { readFile } from 'node:fs/promises';
import { type RunCommand, runCommand } from '../command.ts';
import { HostdError } from '../errors.ts';
import {
  countingRules,
  LIST_COUNTERS,
  LIST_PAIRS,
  type MigrationMatch,
  type NftCounters,
  parseNftCounters,
} from './netfilter.ts';

/** Makes hostd's nft tables, or brings those of an earlier run up to date; the counters in them stay. */
export async function installCounters(match: MigrationMatch, run: RunCommand = runCommand): Promise<void> {
  await run('nft', ['-f', '-'], { input: countingRules(match) });
}

export async function readNftCounters(run: RunCommand = runCommand): Promise<NftCounters> {
  return parseNftCounters(await Promise.all([run('nft', ['-j', ...LIST_PAIRS]), run('nft', ['-j', ...LIST_COUNTERS])]));
}

export interface NicCounters {
  txBytes: number;
  rxBytes: number;
}

/** Bytes of one interface from /proc/net/dev: it follows the network namespace where /sys may not, and is the cheapest. */
export async function readNicCounters(nic: string): Promise<NicCounters> {
  const counters = parseNetDev(await readFile('/proc/self/net/dev', 'utf8')).get(nic);
  if (counters === undefined) {
    throw new HostdError(
      'device-missing',
      `No interface ${JSON.stringify(nic)} on this host. Set "nic" to one that \`ip link\` shows.`,
    );
  }
  return counters;
}

/** A name holds neither a colon nor white space (dev_valid_name in net/core/dev.c). */
export function parseNetDev(text: string): Map<string, NicCounters> {
  const counters = new Map<string, NicCounters>();
  for (const line of text.split('\n').slice(2)) {
    const [name, figures] = line.split(':');
    if (name === undefined || figures === undefined) continue;
    const columns = figures.trim().split(/\s+/).map(Number);
    counters.set(name.trim(), { rxBytes: columns[0] ?? 0, txBytes: columns[8] ?? 0 });
  }
  return counters;
}

/** Link speed in Mbit/s from sysfs, null where the NIC does not know it (down, virtio, some virtual ones). */
export async function readLinkSpeed(nic: string): Promise<number | null> {
  try {
    const speed = Number(await readFile(`/sys/class/net/${nic}/speed`, 'utf8'));
    return speed > 0 ? speed : null;
  } catch {
    // The kernel answers EINVAL for a NIC that is down.
    return null;
  }
}
