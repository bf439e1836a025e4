/** `12.3 s`, `45 ms`, `–` for null. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Megabits per second without decimals, `–` for null. */
export function megabits(bitsPerSecond: number | null | undefined): string {
  return bitsPerSecond === null || bitsPerSecond === undefined ? '–' : `${Math.round(bitsPerSecond / 1e6)} Mbit/s`;
}
