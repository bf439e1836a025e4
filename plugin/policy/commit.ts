import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

const COMMIT = /^[0-9a-f]{40}([0-9a-f]{24})?$/;
/** A symbolic ref may name another one. */
const MOST_STEPS = 5;

/**
 * The commit that is checked out where this file is, null if that is no git work tree or cannot be read. Read from git's
 * own files (gitrepository-layout(5), gitworktree), so that no git has to be installed; what git-sync and a plain clone
 * leave both count. A file that was changed by hand after the check-out still shows the commit: the policy's content hash
 * tells.
 */
export async function commitOf(file: string): Promise<string | null> {
  try {
    const folder = await gitFolder(dirname(await realpath(file)));
    return folder && (await resolveRef(folder, 'HEAD'));
  } catch {
    return null;
  }
}

/** The `.git` of the work tree around a folder; in a linked work tree it is a file that names another folder. */
async function gitFolder(from: string): Promise<string | null> {
  for (let folder = from; ; folder = dirname(folder)) {
    const git = join(folder, '.git');
    const found = await stat(git).catch(() => null);
    if (found?.isDirectory()) return git;
    if (found?.isFile()) {
      const target = /^gitdir: (.+)$/m.exec(await readFile(git, 'utf8'))?.[1];
      return target === undefined ? null : resolve(folder, target);
    }
    if (dirname(folder) === folder) return null;
  }
}

async function resolveRef(folder: string, name: string): Promise<string | null> {
  const common = resolve(folder, (await read(join(folder, 'commondir')))?.trim() ?? '.');
  let ref = name;
  for (let step = 0; step < MOST_STEPS; step += 1) {
    // Branches are those of the whole repository, HEAD is the work tree's own.
    const text = (await read(join(ref === name ? folder : common, ref)))?.trim() ?? (await packed(common, ref));
    if (text === null) return null;
    if (COMMIT.test(text)) return text;
    const next = /^ref: (refs\/[\w./-]+)$/.exec(text)?.[1];
    if (next === undefined || next.includes('..')) return null;
    ref = next;
  }
  return null;
}

async function packed(folder: string, ref: string): Promise<string | null> {
  const lines = (await read(join(folder, 'packed-refs')))?.split('\n') ?? [];
  return lines.find((line) => line.endsWith(` ${ref}`))?.split(' ')[0] ?? null;
}

function read(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch(() => null);
}
