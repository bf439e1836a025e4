import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts a process' time for user space in hundredths of a second (USER_HZ, include/asm-generic/param.h). */
const TICKS_PER_SECOND = 100;

export interface ProcessFigures {
  /** Of hostd and of the programs that it ran to their end. */
  cpuSeconds: number;
  residentBytes: number;
  startedAtSeconds: number;
  openFiles: number;
}

export function readProcess(): ProcessFigures {
  // The second field is the program's name in brackets and may hold anything.
  const stat = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  // utime, stime, cutime, cstime: fields 14 to 17 of proc_pid_stat(5).
  const ticks = stat.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return {
    cpuSeconds: ticks / TICKS_PER_SECOND,
    residentBytes: process.memoryUsage.rss(),
    startedAtSeconds: performance.timeOrigin / 1000,
    openFiles: readdirSync('/proc/self/fd').length,
  };
}
