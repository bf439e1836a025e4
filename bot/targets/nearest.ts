const MOST = 5;
/** Longer ones are compared by their beginnings: time grows with the product of the lengths. */
const COMPARED = 64;

/**
 * The names that were probably meant, the best first: the same in other case, then those that contain what was written,
 * then those that few letters make of it (a third of its letters, at least two, one of a short word).
 *
 * | written | names                      | nearest          |
 * |---------|----------------------------|------------------|
 * | `Web-1` | `web-1`, `web-10`          | `web-1`, `web-10`|
 * | `web`   | `web-1`, `prod-web`, `db`  | `web-1`, `prod-web` |
 * | `wbe-1` | `web-1`, `db-1`            | `web-1`          |
 */
export function nearestNames(written: string, names: Iterable<string>, most = MOST): string[] {
  const wanted = written.toLowerCase().slice(0, COMPARED);
  const furthest = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  const ranked: { name: string; steps: number }[] = [];
  for (const name of new Set(names)) {
    const steps = stepsBetween(wanted, name.toLowerCase().slice(0, COMPARED), furthest);
    if (steps !== null) ranked.push({ name, steps });
  }
  return ranked
    .sort((a, b) => a.steps - b.steps || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map(({ name }) => name);
}

/** Names that begin nearly as a glob that no name matches: `mv-*` gives `vm-1`, `vm-2`. */
export function nearestToGlob(glob: string, names: Iterable<string>): string[] {
  const stem = glob.replaceAll(/[*?]/g, '');
  if (stem === '') return [];
  const all = [...new Set(names)].toSorted();
  const beginnings = nearestNames(
    stem,
    all.map((name) => name.slice(0, stem.length)),
  );
  return beginnings.flatMap((beginning) => all.filter((name) => name.startsWith(beginning))).slice(0, MOST);
}

/** Null: too far. A name that contains the other whole is nearer than any misspelt one. */
function stepsBetween(wanted: string, name: string, furthest: number): number | null {
  if (wanted === name) return 0;
  if (wanted.length >= 2 && name.startsWith(wanted)) return 0.25;
  if (wanted.length >= 3 && name.includes(wanted)) return 0.5;
  const steps = distance(wanted, name);
  return steps <= furthest && steps < Math.max(wanted.length, name.length) ? steps : null;
}

/**
 * Letters left out, added, changed or swapped with their neighbour count one each (optimal string alignment). Ours,
 * because no kept library counts a swap as one, which is what fingers do.
 */
function distance(from: string, to: string): number {
  let older: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = (above[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swapped = isSwap ? (older[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, changed, swapped));
    }
    older = above;
    above = row;
  }
  return above[to.length] ?? 0;
}
