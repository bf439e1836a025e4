import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LOAD_CORE } from './contenders.ts';

const run = promisify(execFile);

/** A run of wrk: as many requests as the other side answers. */
export interface ClosedRun {
  requestsPerSecond: number;
  requests: number;
}

export async function closedLoop(port: number, path: string, connections: number, seconds: number): Promise<ClosedRun> {
  const url = `http://127.0.0.1:${port}${path}`;
  const args = ['-c', String(LOAD_CORE), 'wrk', '-t1', `-c${connections}`, `-d${seconds}`, '--timeout', '30s'];
  const { stdout } = await run('taskset', [...args, '-H', 'X-Auth-Token: gAAAAABhX8jQ0123456789', url]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`errors on port ${port}:\n${stdout}`);
  const figure = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? Number.NaN);
  return { requestsPerSecond: figure(/Requests\/sec:\s+([\d.]+)/), requests: figure(/(\d+) requests in/) };
}

/** Times in microseconds, counted from the moment that a request was due. */
export interface OpenRun {
  requests: number;
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

/** Compiles the generator of openLoop into `dir`. */
export function buildOpenLoop(dir: string): string {
  const program = join(dir, 'openloop');
  execFileSync('gcc', ['-O2', '-Wall', '-o', program, join(import.meta.dirname, 'openloop.c'), '-lm']);
  return program;
}

/** Requests at a fixed mean rate, whether or not answers come (openloop.c). */
export async function openLoop(
  program: string,
  port: number,
  path: string,
  connections: number,
  requestsPerSecond: number,
  seconds: number,
): Promise<OpenRun> {
  const args = ['127.0.0.1', String(port), path, String(connections), String(requestsPerSecond), String(seconds)];
  const { stdout } = await run('taskset', ['-c', String(LOAD_CORE), program, ...args]);
  return JSON.parse(stdout);
}
