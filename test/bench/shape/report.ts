/** A table of Markdown on standard output. */
export function printTable(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void {
  console.log(`\n${title}\n`);
  console.log(`| ${columns.join(' | ')} |`);
  console.log(`|${' --- |'.repeat(columns.length)}`);
  for (const row of rows) console.log(`| ${row.map(shown).join(' | ')} |`);
}

function shown(cell: string | number): string {
  return typeof cell === 'string' ? cell : Number.isInteger(cell) ? String(cell) : cell.toFixed(1);
}

const failures: string[] = [];

/** One thing that must hold; what does not makes the bench end with an error. */
export function verdict(what: string, holds: boolean): void {
  console.log(`${holds ? 'holds ' : 'FAILS '} ${what}`);
  if (!holds) failures.push(what);
}

export function failedVerdicts(): readonly string[] {
  return failures;
}
