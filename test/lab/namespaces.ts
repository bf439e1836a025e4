/** Ways into the lab's namespaces. */
import { readdirSync } from 'node:fs';
import { controlNamespace, type LabPaths, peerNamespace, planHost } from './plan.ts';
import { daemonPid, must, run } from './processes.ts';

/** `control`, `peer` or the name of a compute host. */
export type Where = string;

/** Name of the process that holds a host's mount and UTS namespaces. */
export function hostProcess(hostName: string): string {
  return `host-${hostName}`;
}

/** The argument vector that runs `argv` in a place of the lab. */
export function enter(labName: string, paths: LabPaths, where: Where, argv: string[]): string[] {
  if (where === 'control') return ['nsenter', `--net=/run/netns/${controlNamespace(labName)}`, ...argv];
  if (where === 'peer') return ['nsenter', `--net=/run/netns/${peerNamespace(labName)}`, ...argv];
  const pid = daemonPid(paths, hostProcess(where));
  if (pid === undefined) throw new Error(`lab ${labName} has no host ${JSON.stringify(where)}`);
  return ['nsenter', '-t', String(pid), '-m', '-u', '-n', ...argv];
}

/** The lab's own network namespaces that exist now, whatever the number of hosts it was started with. */
export async function labNamespaces(labName: string): Promise<string[]> {
  const names = [controlNamespace(labName), peerNamespace(labName)];
  for (let index = 1; index <= 8; index++) names.push(planHost(labName, index).namespace);
  let present: string[] = [];
  try {
    present = readdirSync('/run/netns');
  } catch {
    return []; // no namespace was ever made on this machine
  }
  return names.filter((name) => present.includes(name));
}

/** Processes inside a namespace. */
export async function processesIn(namespace: string): Promise<number[]> {
  const { stdout } = await run(['ip', 'netns', 'pids', namespace]);
  return stdout.split('\n').filter(Boolean).map(Number);
}

/** Runs several `ip` commands in a namespace at once: `ip -batch` reads them from its standard input. */
export async function ipBatch(namespace: string, commands: string[]): Promise<void> {
  await must(['ip', '-n', namespace, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

/** Runs several `tc` commands in a namespace at once. */
export async function tcBatch(namespace: string, commands: string[]): Promise<void> {
  await must(['tc', '-n', namespace, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}
