import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { HostdError } from './errors.ts';
import { lockNow } from './native.ts';

const RETRY_MS = 50;

export interface Lock {
  release(): void;
}

/**
 * Holds the state directory for this process: two of hostd would undo each other's classes. The kernel frees it with
 * the process, however that ends. Waits up to `waitMs` for another one, which may be just ending.
 *
 * @throws HostdError `already-running` that names the process, `state-unwritable`.
 */
export async function acquireLock(stateDir: string, waitMs = 0): Promise<Lock> {
  const file = join(stateDir, 'hostd.lock');
  const fd = open(stateDir, file);
  const untilMs = performance.now() + waitMs;
  while (!lockNow(fd)) {
    if (performance.now() >= untilMs) {
      const holder = readFileSync(file, 'utf8').trim();
      closeSync(fd);
      throw new HostdError(
        'already-running',
        `Another drover-hostd${holder === '' ? '' : ` (process ${holder})`} holds ${file}. Stop it first, or give this one a stateDir of its own.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`, 0);
  return { release: () => closeSync(fd) };
}

function open(stateDir: string, file: string): number {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    return openSync(file, 'a+', 0o600);
  } catch (error) {
    throw new HostdError('state-unwritable', `Cannot write in stateDir ${stateDir}: let hostd's user own it`, {
      cause: error,
    });
  }
}
