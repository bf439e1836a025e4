import { describe, expect, it } from 'vitest';
import { type Gaps, readPosition, settled, writePosition } from '../../../plugin/api/feed.ts';

const rows = (...ids: number[]) => ids.map((id) => ({ id, atMs: 1e6 }));
const ids = (told: { id: number }[]) => told.map(({ id }) => id);

describe('settled', () => {
  it('tells what has no gap before it, and what is behind one when it is filled or has stood for 10 s', () => {
    const gaps: Gaps = new Map();
    expect(ids(settled(rows(8, 9), 7, gaps, 1e6))).toEqual([8, 9]);
    expect(ids(settled(rows(8, 10, 11), 7, gaps, 1e6))).toEqual([8]);
    expect(ids(settled(rows(10, 11), 8, gaps, 1e6 + 9999))).toEqual([]);
    expect(ids(settled(rows(9, 10, 11), 8, gaps, 1e6 + 9999))).toEqual([9, 10, 11]);
    expect(ids(settled(rows(10, 11), 8, gaps, 1e6 + 10_000))).toEqual([10, 11]);
  });

  it('does not wait for what was written long ago', () => {
    expect(ids(settled(rows(3, 9), 0, new Map(), 1e6 + 60_000))).toEqual([3, 9]);
  });

  it('writes a place as it reads it, and takes nothing else for one', () => {
    expect(readPosition(writePosition({ event: 12, notice: 3 }))).toEqual({ event: 12, notice: 3 });
    for (const text of ['', '12', '12-', '-1-2', '1-2-3', 'a-b', '1e3-4']) expect(readPosition(text)).toBeNull();
  });
});
