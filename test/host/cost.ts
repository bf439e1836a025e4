import { readdirSync, readFileSync } from 'node:fs';
import type { Rig } from './rig.ts';

/** The kernel counts in hundredths of a second (USER_HZ). */
const MS_PER_TICK = 10;

export interface Cost {
  /** CPU of the daemon itself, % of one core. */
  daemonPercent: number;
  /** CPU of all programs that it started, those that have ended among them. */
  childrenPercent: number;
  /** Highest of the readings, one a second. */
  daemonMebibytes: number;
  /** Of the programs that run all the time: pages that several share are counted in each. */
  childrenMebibytes: number;
}

/** What the daemon costs in the next `seconds`. */
export async function costOf(pid: number, seconds: number): Promise<Cost> {
  const started = performance.now();
  const before = cpuMs(pid);
  let daemonMebibytes = 0;
  let childrenMebibytes = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < seconds; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    daemonMebibytes = Math.max(daemonMebibytes, rssMebibytes(pid));
    const children = childrenOf(pid).reduce((sum, child) => sum + rssMebibytes(child), 0);
    childrenMebibytes = Math.min(childrenMebibytes, children);
  }
  const after = cpuMs(pid);
  const percent = (ms: number) => (100 * ms) / (performance.now() - started);
  return {
    daemonPercent: percent(after.own - before.own),
    childrenPercent: percent(after.children - before.children),
    daemonMebibytes,
    childrenMebibytes,
  };
}

/** CPU of one process alone, % of one core, since the function was called. */
export function cpuMeter(pid: number): () => number {
  const started = performance.now();
  const before = cpuMs(pid).own;
  return () => (100 * (cpuMs(pid).own - before)) / (performance.now() - started);
}

/** The process that listens in the host's namespace: the one that the rig started may be a wrapper around it. */
export async function daemonPid(rig: Rig): Promise<number> {
  const listening = await rig.exec(rig.host, 'ss', '-Hltnp');
  const pid = Number(/pid=(\d+)/.exec(listening)?.[1]);
  if (!Number.isInteger(pid)) throw new Error(`nobody listens: ${listening}`);
  return pid;
}

/** User and system time; of the children also those that ended (proc_pid_stat(5): fields 14 to 17). */
function cpuMs(pid: number): { own: number; children: number } {
  const [utime = 0, stime = 0, cutime = 0, cstime = 0] = statFields(pid).slice(11, 15).map(Number);
  const running = childrenOf(pid).map((child) => {
    try {
      const { own, children } = cpuMs(child);
      return own + children;
    } catch {
      return 0; // it ended while we looked
    }
  });
  const children = (cutime + cstime) * MS_PER_TICK + running.reduce((sum, ms) => sum + ms, 0);
  return { own: (utime + stime) * MS_PER_TICK, children };
}

function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) => {
    try {
      return readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
    } catch {
      return []; // the thread ended while we looked
    }
  });
}

export function rssMebibytes(pid: number): number {
  try {
    const kibibytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kibibytes ?? 0) / 1024;
  } catch {
    return 0; // it ended while we looked
  }
}
