/** `12.3 s`, `45 ms`, `–` for null. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Megabits per second without decimals, `–` for null. */
export function megabits(bitsPerSecond: number | null | undefined): string {
  return bitsPerSecond === null || bitsPerSecond === undefined ? '–' : `${Math.round(bitsPerSecond / 1e6)} Mbit/s`;
}

/** Gigabits, `–` for null. */
export function gigabits(bits: number | null): string {
  return bits === null ? '–' : `${(bits / 1e9).toFixed(2)} Gbit`;
}

/** Mebibytes without decimals, `–` for null. */
export function mebibytes(bytes: number | null): string {
  return bytes === null ? '–' : `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** `in 12 s`, `in 3 min 20 s`, `in 26 h 5 min`, `now` up to a second away and before, `–` for null. */
export function fromNow(atMs: number | null, nowMs: number): string {
  if (atMs === null) return '–';
  const seconds = Math.round((atMs - nowMs) / 1000);
  if (seconds <= 0) return 'now';
  if (seconds < 60) return `in ${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `in ${minutes} min${seconds % 60 > 0 ? ` ${seconds % 60} s` : ''}`;
  return `in ${Math.floor(minutes / 60)} h${minutes % 60 > 0 ? ` ${minutes % 60} min` : ''}`;
}
