import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Figures } from '../../../plugin/api/figures.ts';
import type { Notice } from '../../../plugin/contract.ts';
import { Unmanaged } from '../../../plugin/controller/unmanaged.ts';

afterEach(() => vi.useRealTimers());

describe('Unmanaged', () => {
  it('tells the first of each reason at once, then how many there were, and what a broken store could not take later', async () => {
    vi.useFakeTimers();
    const written: Omit<Notice, 'id'>[] = [];
    let broken = false;
    const figures = new Figures();
    const write = async (notice: Omit<Notice, 'id'>) => {
      if (broken) throw new Error('database or disk is full');
      written.push(notice);
    };
    const unmanaged = new Unmanaged(write, figures, pino({ level: 'silent' }));
    unmanaged.add('no-hostd', 'no hostd answers', 'vm-1');
    await vi.advanceTimersByTimeAsync(0);
    expect(written.map(({ text }) => text)).toEqual(['vm-1: no hostd answers [no-hostd]']);
    for (const vm of ['vm-2', 'vm-3']) unmanaged.add('no-hostd', 'no hostd answers', vm);
    broken = true;
    unmanaged.add('store-unavailable', 'disk full', 'vm-4');
    await vi.advanceTimersByTimeAsync(59_000);
    expect(written).toHaveLength(1);
    broken = false;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(
      written
        .slice(1)
        .map(({ text }) => text)
        .sort(),
    ).toEqual(['2 migrations: no hostd answers [no-hostd]', 'vm-4: disk full [store-unavailable]']);
    expect(written.flatMap(({ details }) => details).sort()).toEqual(['vm-1', 'vm-2', 'vm-3', 'vm-4']);
    expect(Object.fromEntries(figures.unmanaged)).toEqual({ 'no-hostd': 3, 'store-unavailable': 1 });
    await unmanaged.stop();
  });
});
