/** What is told of the store's events and notices, and from where on. Pure. */

/** A number that is missing for so long was taken by a transaction that was rolled back. */
const GAP_CLOSES_MS = 10_000;
/** What was written so long ago, by whichever replica's clock, has nothing before it that is still being written. */
const LONG_AGO_MS = 60_000;
const MOST_GAPS = 1000;

/** When each gap was seen first, by the number before it: gaps are the table's, so all its readers share them. */
export type Gaps = Map<number, number>;

/**
 * Rows get their number before their transaction commits, so a lower number may be seen after a higher one (with MariaDB,
 * where several write at once). The rows up to the first gap are told; what is behind a gap waits until the gap is filled
 * or has stood too long. So nobody who goes on behind the last number told misses one.
 *
 * | told up to | read       | the gap has stood | told now  |
 * |------------|------------|-------------------|-----------|
 * | 7          | 8, 9       |                   | 8, 9      |
 * | 7          | 8, 10, 11  | 1 s               | 8         |
 * | 7          | 8, 10, 11  | 10 s              | 8, 10, 11 |
 */
export function settled<Row extends { id: number; atMs: number }>(
  rows: readonly Row[],
  after: number,
  gaps: Gaps,
  nowMs: number,
): Row[] {
  const told: Row[] = [];
  let last = after;
  for (const row of rows) {
    if (row.id !== last + 1 && nowMs - row.atMs < LONG_AGO_MS) {
      const sinceMs = gaps.get(last) ?? nowMs;
      gaps.set(last, sinceMs);
      if (nowMs - sinceMs < GAP_CLOSES_MS) break;
    }
    told.push(row);
    last = row.id;
  }
  while (gaps.size > MOST_GAPS) gaps.delete(gaps.keys().next().value ?? 0);
  return told;
}

/** Where a reader is: it has all events and all notices up to these numbers. */
export interface Position {
  event: number;
  notice: number;
}

/** `12-3`: the id of what is sent, and what Last-Event-ID brings back. */
export function writePosition({ event, notice }: Position): string {
  return `${event}-${notice}`;
}

/** Null: it is none. */
export function readPosition(text: string): Position | null {
  const [, event, notice] = /^(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  return event === undefined || notice === undefined ? null : { event: Number(event), notice: Number(notice) };
}
