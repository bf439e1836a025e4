import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { asService } from './lab/service.ts';

const run = promisify(execFile);
const SCRIPT = 'test/compile.ts';
const STARTED = ['plugin/main.ts', 'plugin/cli.ts', 'bot/main.ts'];
const STARTED_AS_HOSTD = ['hostd/run.ts', 'hostd/check/check.ts', 'hostd/clean.ts'];

/** Who starts a service before this is done compiles by itself. */
const compiling: Promise<unknown>[] = [];

/**
 * Tests start Drover's services some hundred times, and most of a start is compiling: here that is done once for all
 * processes of a run, beside the first tests. They would not do it themselves: one that is killed keeps nothing of it.
 */
export function setup({ name }: TestProject): void {
  if (process.env.NODE_COMPILE_CACHE === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'drover-compiled-'));
    // Of root and of hostd's user.
    chmodSync(folder, 0o777);
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    process.env.NODE_COMPILE_CACHE = folder;
    compile(process.execPath, join(import.meta.dirname, '..', SCRIPT), ...STARTED);
  }
  if (name === 'host') compile(...(asService(SCRIPT, STARTED_AS_HOSTD) as [string, ...string[]]));
}

function compile(program: string, ...args: string[]): void {
  compiling.push(run(program, args).catch(() => 'whoever is started says what is wrong'));
}

export async function teardown(): Promise<void> {
  await Promise.all(compiling);
}

/** For a process whose environment is empty but for what its test gives it. */
export function compileCache(): Record<string, string> {
  const { NODE_COMPILE_CACHE } = process.env;
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };
}
