/** Decision tables: rows of lists of allowed values, tried from the top, the first match wins. */
type Cell = Record<string, string>;
type Domain = Record<string, readonly string[]>;

/** True if the row allows every value of the cell. */
export function rowMatches(row: object, cell: Cell): boolean {
  const lists = row as Record<string, unknown>;
  return Object.entries(cell).every(([key, value]) => {
    const allowed = lists[key];
    return Array.isArray(allowed) && allowed.includes(value);
  });
}

/** Which row it is, as `row 2 at seed.yaml:38:5`; of a policy that was not read from files as `row 2 of ID`. */
export function rowText(
  { id, places }: { id: string; places?: Readonly<Record<string, string>> | undefined },
  table: string,
  index: number,
): string {
  const place = places?.[`${table}[${index}]`];
  return `row ${index + 1} ${place === undefined ? `of ${id}` : `at ${place}`}`;
}

/** Why a table does not come to a word that it might have decided: a row above does, or no row that matches names it. */
export function notNamed(
  policy: { id: string; places?: Readonly<Record<string, string>> | undefined },
  table: 'technique' | 'strategy',
  rows: readonly object[],
  { cell, decided, word }: { cell: Cell; decided: number; word: string },
): { code: 'no-row' | 'row-below'; text: string } {
  const names = (row: object) => (row as Record<string, unknown>)[table] === word;
  const later = rows.findIndex((row, index) => index > decided && names(row) && rowMatches(row, cell));
  if (later < 0) return { code: 'no-row', text: `no row that matches names ${word}` };
  const text = `${rowText(policy, table, later)} names ${word}, but row ${decided + 1} stands above it`;
  return { code: 'row-below', text };
}

/** Every combination of the domain's values, the last key varying fastest. */
export function cellsOf(domain: Domain): Cell[] {
  return Object.entries(domain).reduce<Cell[]>(
    (cells, [key, values]) => cells.flatMap((cell) => values.map((value) => ({ ...cell, [key]: value }))),
    [{}],
  );
}

/** Combinations that no row decides. */
export function uncoveredCells(domain: Domain, rows: readonly object[]): Cell[] {
  return cellsOf(domain).filter((cell) => !rows.some((row) => rowMatches(row, cell)));
}

/** Indexes of rows that are the first match of no combination. */
export function unreachableRows(domain: Domain, rows: readonly object[]): number[] {
  const reached = new Set(cellsOf(domain).map((cell) => rows.findIndex((row) => rowMatches(row, cell))));
  return rows.flatMap((_, index) => (reached.has(index) ? [] : [index]));
}
