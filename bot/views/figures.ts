/** Figures as `drover` prints them on the command line: the same migration reads the same in both. */

/** `12.3 s`, `45 ms`, `3 min 20 s`, `–` for null. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 99_950 ? `${(ms / 1000).toFixed(1)} s` : span(ms);
}

/** `12 s`, `3 min 20 s`, `26 h 5 min`, `3 d 2 h`: whole seconds, at most two parts. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${seconds % 60 > 0 ? ` ${seconds % 60} s` : ''}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h${minutes % 60 > 0 ? ` ${minutes % 60} min` : ''}`;
  return `${Math.floor(hours / 24)} d${hours % 24 > 0 ? ` ${hours % 24} h` : ''}`;
}

/** `in 12 s`, `now` up to a second away and before, `–` for null. */
export function fromNow(atMs: number | null, nowMs: number): string {
  if (atMs === null) return '–';
  return Math.round((atMs - nowMs) / 1000) <= 0 ? 'now' : `in ${span(atMs - nowMs)}`;
}

/** `412 Mbit/s`, `1.24 Gbit/s` from one on, `–` for null. */
export function rate(bitsPerSecond: number | null | undefined): string {
  if (bitsPerSecond === null || bitsPerSecond === undefined) return '–';
  if (bitsPerSecond >= 999.5e6) return `${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s`;
  return `${Math.round(bitsPerSecond / 1e6)} Mbit/s`;
}

/** `0.25 Gbit`, `–` for null. */
export function bits(count: number | null): string {
  if (count === null) return '–';
  return count >= 1e8 ? `${(count / 1e9).toFixed(2)} Gbit` : `${Math.round(count / 1e6)} Mbit`;
}

/** `2.0 GiB`, `340 MiB`. */
export function bytes(count: number): string {
  return count >= 2 ** 30 ? `${(count / 2 ** 30).toFixed(1)} GiB` : `${Math.round(count / 2 ** 20)} MiB`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** `1 server`, `12 servers`. */
export function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

const CELLS = 10;

/** `▓▓▓▓▓▓░░░░`: full only at the end, empty only at the start, so that nothing looks done that is not. */
export function bar(share: number, cells = CELLS): string {
  const within = Math.min(1, Math.max(0, share));
  const full =
    within === 0 || within === 1 ? within * cells : Math.min(cells - 1, Math.max(1, Math.round(within * cells)));
  return '▓'.repeat(full) + '░'.repeat(cells - full);
}

/** A bar with what of it is migration: `▓▓▓▒▒░░░░░`, workload first. */
export function stackedBar(workload: number, migration: number, cells = CELLS): string {
  const within = (share: number) => Math.min(1, Math.max(0, share));
  const first = Math.round(within(workload) * cells);
  // What migrates is seen, however little it is.
  const second = Math.min(cells - first, Math.max(migration > 0.005 ? 1 : 0, Math.round(within(migration) * cells)));
  return '▓'.repeat(first) + '▒'.repeat(second) + '░'.repeat(cells - first - second);
}
