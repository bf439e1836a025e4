/**
 * `*` stands for any characters, `?` for exactly one; case counts. Takes at most (pattern x text) steps: a regular
 * expression made from an operator's pattern could take exponential time.
 */
export function globMatches(glob: string, text: string): boolean {
  return walk(glob, text, () => true);
}

/**
 * True only if the first matches every text that the second does. It reads the second's signs as text, of which `?` is one
 * and `*` is what only a `*` takes; what signs say the same in another order (`?*` and `*?`) it may not see.
 */
export function globCovers(wide: string, narrow: string): boolean {
  return walk(wide, narrow, (sign) => sign !== '*');
}

/** @param one whether a `?` takes this sign of the text. */
function walk(glob: string, text: string, one: (sign: string | undefined) => boolean): boolean {
  let g = 0;
  let t = 0;
  let star = -1;
  let starText = 0;
  while (t < text.length) {
    if (glob[g] === '*') {
      star = g++;
      starText = t;
    } else if (g < glob.length && ((glob[g] === '?' && one(text[t])) || glob[g] === text[t])) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++starText;
    } else return false;
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}

export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

/** A list of globs as what is exact and what is not: of thousands of exact names each is looked up. */
export interface GlobSet {
  exact: ReadonlySet<string>;
  patterns: readonly string[];
}

const sets = new WeakMap<readonly string[], GlobSet>();

/** @param globs must not change any more: each list is looked through once. */
export function globSet(globs: readonly string[]): GlobSet {
  const known = sets.get(globs);
  if (known) return known;
  const set = { exact: new Set(globs.filter((glob) => !isGlob(glob))), patterns: globs.filter(isGlob) };
  sets.set(globs, set);
  return set;
}

export function globSetMatches({ exact, patterns }: GlobSet, text: string): boolean {
  return exact.has(text) || patterns.some((pattern) => globMatches(pattern, text));
}

/** True if some text matches a glob of each. */
export function globSetsOverlap(a: GlobSet, b: GlobSet): boolean {
  const [few, many] = a.exact.size < b.exact.size ? [a.exact, b.exact] : [b.exact, a.exact];
  for (const text of few) if (many.has(text)) return true;
  const matches = (patterns: readonly string[], text: string) => patterns.some((each) => globMatches(each, text));
  if (b.patterns.length > 0) for (const text of a.exact) if (matches(b.patterns, text)) return true;
  if (a.patterns.length > 0) for (const text of b.exact) if (matches(a.patterns, text)) return true;
  return a.patterns.some((one) => b.patterns.some((other) => globsOverlap(one, other)));
}

/**
 * True if some text matches both.
 *
 * | a      | b      | a text of both |
 * |--------|--------|----------------|
 * | `db-*` | `*-01` | `db-01`        |
 * | `a?`   | `*b`   | `ab`           |
 * | `db-*` | `web*` | none           |
 */
export function globsOverlap(a: string, b: string): boolean {
  if (beginOtherwise(a, b)) return false;
  // overlap[j]: what is left of `a` from i and of `b` from j have a text in common; rows from the end to the start.
  let below: boolean[] = [];
  for (let i = a.length; i >= 0; i--) {
    const row: boolean[] = new Array(b.length + 1).fill(false);
    for (let j = b.length; j >= 0; j--) {
      const [x, y] = [a[i], b[j]];
      if (x === undefined && y === undefined) row[j] = true;
      else if (x === '*' && (below[j] || row[j + 1])) row[j] = true;
      else if (y === '*' && (row[j + 1] || below[j])) row[j] = true;
      else if (x === undefined || y === undefined || x === '*' || y === '*') row[j] = false;
      else row[j] = (x === y || x === '?' || y === '?') && below[j + 1] === true;
    }
    below = row;
  }
  return below[0] === true;
}

/** They differ before the first `*` or `?` of either: most pairs do, and need no more. */
function beginOtherwise(a: string, b: string): boolean {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [x, y] = [a[at], b[at]];
    if (x === '*' || x === '?' || y === '*' || y === '?') return false;
    if (x !== y) return true;
  }
  return false;
}
