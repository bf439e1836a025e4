import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the kernel tells of one interface, from sysfs: no program is started for it. */
export interface Link {
  ifindex: number;
  address: string;
  up: boolean;
  txQueueLength: number;
}

const IFF_UP = 1;
const SYSFS = '/sys/class/net';

/** Null where there is no such interface. */
export async function readLink(name: string): Promise<Link | null> {
  const read = async (file: string) => (await readFile(join(SYSFS, name, file), 'utf8')).trim();
  try {
    const [ifindex, address, flags, length] = await Promise.all(
      ['ifindex', 'address', 'flags', 'tx_queue_len'].map(read),
    );
    return {
      ifindex: Number(ifindex),
      address: address ?? '',
      up: (Number(flags) & IFF_UP) !== 0,
      txQueueLength: Number(length),
    };
  } catch {
    return null;
  }
}

export async function countTxQueues(name: string): Promise<number> {
  const queues = await readdir(join(SYSFS, name, 'queues')).catch(() => []);
  return Math.max(1, queues.filter((queue) => queue.startsWith('tx-')).length);
}
