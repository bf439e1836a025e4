import { randomBytes } from 'node:crypto';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describeError } from '../../errors.ts';
import type { RightsFacts } from '../judge/rights.ts';
import { hasNetAdmin, holdsLock } from '../procfs.ts';

export async function probeRights(stateDir: string, netlinkError: string | null): Promise<RightsFacts> {
  const uid = process.getuid?.() ?? 0;
  return {
    uid,
    user: nameOf(uid),
    netAdmin: hasNetAdmin(await readFile('/proc/self/status', 'utf8')),
    stateDir: await probeStateDir(stateDir),
    netlinkError,
  };
}

/** A uid that no name belongs to is its own name. */
function nameOf(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${uid}`;
  }
}

/** Writes and syncs a file as a lease would, and takes it away. */
async function probeStateDir(path: string): Promise<RightsFacts['stateDir']> {
  try {
    await stat(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return { path, exists: !missing, error: missing ? null : describeError(error), syncMs: 0 };
  }
  // One name for all checks, so that a killed one leaves at most this file; none is read by hostd.
  const file = join(path, 'check.tmp');
  const startMs = performance.now();
  try {
    await rm(file, { force: true });
    const handle = await open(file, 'w', 0o600);
    try {
      await handle.writeFile(randomBytes(4096));
      await handle.sync();
    } finally {
      await handle.close();
    }
    return { path, exists: true, error: null, syncMs: performance.now() - startMs };
  } catch (error) {
    return { path, exists: true, error: describeError(error), syncMs: 0 };
  } finally {
    await rm(file, { force: true }).catch(() => undefined);
  }
}

/** The process of the hostd that holds this state directory. Its lock is looked at and not taken. */
export async function findRunning(stateDir: string): Promise<number | null> {
  const file = join(stateDir, 'hostd.lock');
  try {
    const [holder, { ino }, locks] = await Promise.all([
      readFile(file, 'utf8'),
      stat(file),
      readFile('/proc/locks', 'utf8'),
    ]);
    return holdsLock(locks, Number(holder), ino) ? Number(holder) : null;
  } catch {
    return null;
  }
}
