/** What runs of a lab. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { labNamespaces, processesIn } from './namespaces.ts';
import type { LabOptions, LabPaths } from './plan.ts';
import { daemonPid } from './processes.ts';

/** The options that the lab was started with. */
export function readOptions(paths: LabPaths): LabOptions {
  if (!existsSync(paths.options)) throw new Error(`no lab in ${paths.state}`);
  return JSON.parse(readFileSync(paths.options, 'utf8'));
}

/** Names of the lab's processes that were started and are not there any more. A pid counts only inside the lab. */
export async function deadProcesses(labName: string, paths: LabPaths): Promise<string[]> {
  if (!existsSync(paths.pids)) return [];
  const inside = new Set((await Promise.all((await labNamespaces(labName)).map(processesIn))).flat());
  return readdirSync(paths.pids).filter((name) => !inside.has(daemonPid(paths, name) ?? 0));
}

export interface LabStatus {
  up: boolean;
  options: LabOptions | undefined;
  namespaces: Record<string, number>;
  dead: string[];
}

/** Namespaces with the number of their processes, and what is missing. */
export async function readStatus(labName: string, paths: LabPaths): Promise<LabStatus> {
  const namespaces: Record<string, number> = {};
  for (const namespace of await labNamespaces(labName)) namespaces[namespace] = (await processesIn(namespace)).length;
  const dead = await deadProcesses(labName, paths);
  return {
    up: existsSync(paths.up) && dead.length === 0 && Object.keys(namespaces).length > 0,
    options: existsSync(paths.options) ? readOptions(paths) : undefined,
    namespaces,
    dead,
  };
}
