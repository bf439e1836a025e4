/**
 * `*` stands for any characters, `?` for exactly one; case counts. Takes at most (pattern x text) steps: a regular
 * expression made from an operator's pattern could take exponential time.
 */
export function globMatches(glob: string, text: string): boolean {
  let g = 0;
  let t = 0;
  let star = -1;
  let starText = 0;
  while (t < text.length) {
    if (glob[g] === '*') {
      star = g++;
      starText = t;
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === text[t])) {
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
