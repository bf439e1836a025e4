/** The kernel counts CPU time in ticks of some ms. */
const LEAST_MEASURED_MS = 60;

/** CPU time of this thread, ms: what one core needs, however busy the machine is. */
export function cpuMs(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/** The same of something short, warm: the mean of as many runs as it takes to tell. */
export function meanCpuMs(work: () => unknown): number {
  work();
  let runs = 0;
  let spentMs = 0;
  while (spentMs < LEAST_MEASURED_MS) {
    const more = Math.max(1, runs);
    spentMs += cpuMs(() => {
      for (let run = 0; run < more; run++) work();
    });
    runs += more;
  }
  return spentMs / runs;
}
