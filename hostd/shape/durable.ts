import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HostdError } from '../errors.ts';

/** The file holds either its old content or the new one, whatever happens: written beside it, synced, renamed. */
export async function writeDurably(file: string, content: string): Promise<void> {
  const next = `${file}.new`;
  try {
    const handle = await open(next, 'w', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
    await syncDirectory(dirname(file));
  } catch (error) {
    await rm(next, { force: true }).catch(() => undefined);
    throw new HostdError(
      'state-unwritable',
      `Cannot write ${file}: free space or repair its file system, then ask again`,
      {
        cause: error,
      },
    );
  }
}

export async function removeFile(file: string): Promise<void> {
  await rm(file, { force: true });
}

/** Without it the rename itself may be lost (fsync(2)). */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
