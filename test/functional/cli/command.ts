import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { compileCache } from '../../compiled.ts';

const CLI = join(import.meta.dirname, '../../../plugin/cli.ts');

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `drover` with these arguments, and with nothing but `env` around it. */
export function runDrover(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { env: { ...compileCache(), ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}
