import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { removeFile, writeDurably } from './durable.ts';

/** What stood at the root of the NIC before hostd's first operation; on disk before it, removed when all of it is back. */
const Found = z.object({
  bootId: z.string(),
  nic: z.string(),
  /** An interface that was made anew under the same name has another one: nothing is put back on it. */
  ifindex: z.number(),
  /** tc lines that bring it back; none where the kernel does that once hostd's root is deleted. */
  rebuild: z.array(z.string()),
  /** What `tc qdisc show` said of it. */
  shown: z.string(),
  /** Written before the first of the lines above runs: from then on a root that is half built is hostd's own work. */
  restoring: z.boolean(),
});
export type Found = z.infer<typeof Found>;

/** Null where nothing is noted, or not of this interface in this boot. */
export async function readFound(
  stateDir: string,
  here: Pick<Found, 'bootId' | 'nic' | 'ifindex'>,
): Promise<Found | null> {
  const text = await readFile(file(stateDir), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const found = Found.parse(JSON.parse(text));
    return found.bootId === here.bootId && found.nic === here.nic && found.ifindex === here.ifindex ? found : null;
  } catch {
    return null;
  }
}

export async function writeFound(stateDir: string, found: Found): Promise<void> {
  await writeDurably(file(stateDir), JSON.stringify(found));
}

export async function removeFound(stateDir: string): Promise<void> {
  await removeFile(file(stateDir));
}

function file(stateDir: string): string {
  return join(stateDir, 'found.json');
}
