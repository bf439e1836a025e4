import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../../../hostd/log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function rig(level = 'info') {
  const lines: { msg: string; left?: number; message?: string; n?: number; level: number }[] = [];
  const made = createLog({ level, host: 'here' }, { write: (text) => void lines.push(JSON.parse(text)) });
  return { lines, ...made };
}

describe('a flood of one message', () => {
  it('is cut to its first lines; one line tells how many were left out', () => {
    const { log, lines, suppressed } = rig();
    for (let n = 0; n < 10_000; n++) log.warn({ n }, 'Refused');
    expect(lines.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    vi.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(11);
    expect(lines[10]).toMatchObject({ msg: 'Repeated lines were left out', message: 'Refused', left: 9990, level: 40 });
    expect(suppressed()).toBe(9990);
    log.warn({ n: 7 }, 'Refused');
    expect(lines[11]).toMatchObject({ msg: 'Refused', n: 7 });
  });

  it('keeps no other message back', () => {
    const { log, lines } = rig();
    for (let n = 0; n < 100; n++) log.warn('Refused');
    log.error('Refused');
    log.info('hostd stops');
    expect(lines.slice(-2)).toMatchObject([{ level: 50 }, { msg: 'hostd stops' }]);
  });

  it('is told of at the end of the program as well', () => {
    const { log, lines, flush } = rig();
    for (let n = 0; n < 12; n++) log.info('Refused');
    flush();
    expect(lines.at(-1)).toMatchObject({ left: 2 });
    flush();
    expect(lines).toHaveLength(11);
  });
});

describe('debug', () => {
  it('is written whole for whoever asks for it', () => {
    const { log, lines } = rig('debug');
    for (let n = 0; n < 50; n++) log.debug('tc');
    expect(lines).toHaveLength(50);
  });
});
