/** Takes a lab down: every process in its namespaces, then the namespaces, whatever state a killed run left. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labNamespaces, processesIn } from './namespaces.ts';
import { type LabPaths, labPaths } from './plan.ts';
import { daemonPid, isAlive, must, removeFile, signalAll, takeLock } from './processes.ts';

/** What writes data that the next start reads gets this long to end; for the rest there is nothing to save. */
const DATABASE_GRACE_MS = 20_000;
const KILL_TIMEOUT_MS = 20_000;
const LOCK_TIMEOUT_MS = 600_000;

export async function down(labName: string, wipe: boolean, say: (text: string) => void): Promise<void> {
  const paths = labPaths(labName);
  const unlock = await takeLock(paths.lock, LOCK_TIMEOUT_MS);
  try {
    await tearDown(labName, say);
    if (wipe) rmSync(paths.state, { recursive: true, force: true });
  } finally {
    unlock();
  }
}

/** For a caller that holds the lock. */
export async function tearDown(labName: string, say: (text: string) => void): Promise<void> {
  const paths = labPaths(labName);
  removeFile(paths.up);
  const namespaces = await labNamespaces(labName);
  if (namespaces.length > 0) {
    const begin = performance.now();
    await endProcesses(namespaces, paths);
    for (const namespace of namespaces) await must(['ip', 'netns', 'delete', namespace]);
    say(`lab ${labName} is down (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
  }
  if (existsSync(paths.pids)) for (const name of readdirSync(paths.pids)) removeFile(join(paths.pids, name));
  removeFile(paths.databaseSocket);
  removeFile(paths.options);
}

async function endProcesses(namespaces: string[], paths: LabPaths): Promise<void> {
  const inside = async () => (await Promise.all(namespaces.map(processesIn))).flat();
  const database = daemonPid(paths, 'mariadb') ?? 0;
  const first = await inside();
  // Services first, so that none writes while the database ends; libvirtd ignores SIGTERM for over 10 s.
  signalAll(
    first.filter((pid) => pid !== database),
    'SIGKILL',
  );
  if (first.includes(database)) {
    signalAll([database], 'SIGTERM');
    for (const end = performance.now() + DATABASE_GRACE_MS; isAlive(database) && performance.now() < end; )
      await sleep(50);
  }
  for (const end = performance.now() + KILL_TIMEOUT_MS; ; ) {
    const left = await inside();
    if (left.length === 0) return;
    if (performance.now() > end) throw new Error(`processes ${left.join(', ')} in ${namespaces.join(', ')} do not end`);
    signalAll(left, 'SIGKILL');
    await sleep(50);
  }
}
