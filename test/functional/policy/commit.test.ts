import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitOf } from '../../../plugin/policy/commit.ts';

let folder = '';
const git = (where: string, ...args: string[]) =>
  execFileSync('git', ['-C', where, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { encoding: 'utf8' }).trim();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-commit-'));
  const repository = join(folder, 'policies');
  execFileSync('git', ['init', '-q', '-b', 'main', repository]);
  writeFileSync(join(repository, 'site.yaml'), 'version: 1\n');
  git(repository, 'add', '.');
  git(repository, 'commit', '-qm', 'one');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('commitOf', () => {
  it('is what git says: on a branch, packed, detached, in a linked work tree, through a symbolic link', async () => {
    const repository = join(folder, 'policies');
    const head = git(repository, 'rev-parse', 'HEAD');
    expect(head).toMatch(/^[0-9a-f]{40}$/);
    const file = join(repository, 'site.yaml');
    expect(await commitOf(file)).toBe(head);
    git(repository, 'pack-refs', '--all');
    expect(await commitOf(file)).toBe(head);
    git(repository, 'worktree', 'add', '-q', '--detach', join(folder, 'rev-1'));
    symlinkSync(join(folder, 'rev-1'), join(folder, 'current'));
    git(repository, 'commit', '-q', '--allow-empty', '-m', 'two');
    expect(await commitOf(join(folder, 'current', 'site.yaml'))).toBe(head);
    const second = git(repository, 'rev-parse', 'HEAD');
    expect(await commitOf(file)).toBe(second);
    git(repository, 'worktree', 'add', '-q', '-b', 'side', join(folder, 'rev-2'));
    expect(await commitOf(join(folder, 'rev-2', 'site.yaml'))).toBe(second);
    git(repository, 'checkout', '-q', '--detach', head);
    expect(await commitOf(file)).toBe(head);
  });

  it('is null where there is no work tree, and where git has no commit yet', async () => {
    writeFileSync(join(folder, 'alone.yaml'), '');
    expect(await commitOf(join(folder, 'alone.yaml'))).toBeNull();
    expect(await commitOf(join(folder, 'missing.yaml'))).toBeNull();
    execFileSync('git', ['init', '-q', join(folder, 'empty')]);
    expect(await commitOf(join(folder, 'empty', 'x.yaml'))).toBeNull();
  });
});
