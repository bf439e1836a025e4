import { describe, expect, it } from 'vitest';
import { bar, bits, bytes, counted, duration, fromNow, rate, stackedBar } from '../../../../bot/views/figures.ts';
import * as cli from '../../../../plugin/cli/figures.ts';

describe('figures', () => {
  it.each([0, 71, 999, 1000, 5234, 99_900])('%i ms reads as on the command line', (ms) => {
    expect(duration(ms)).toBe(cli.duration(ms));
  });

  it.each([-5000, 0, 400, 12_000, 60_000, 200_000, 3600_000, 26 * 3600_000 + 300_000])(
    'what is %i ms away, too',
    (ms) => {
      expect(fromNow(ms, 0)).toBe(cli.fromNow(ms, 0));
    },
  );

  it('rates below a gigabit, too; above it they are shorter', () => {
    for (const each of [0, 1.4e6, 412e6, 999e6]) expect(rate(each)).toBe(cli.megabits(each));
    expect([rate(1e9), rate(12.345e9), rate(null)]).toEqual(['1.00 Gbit/s', '12.35 Gbit/s', '–']);
  });

  it('amounts and counts', () => {
    expect([bits(2.4e8), bits(5e6), bits(null), bytes(1.5 * 2 ** 30), bytes(340 * 2 ** 20)]).toEqual([
      '0.24 Gbit',
      '5 Mbit',
      '–',
      '1.5 GiB',
      '340 MiB',
    ]);
    expect([counted(1, 'server'), counted(0, 'server'), duration(125_000), fromNow(100 * 3600_000, 0)]).toEqual([
      '1 server',
      '0 servers',
      '2 min 5 s',
      'in 4 d 4 h',
    ]);
  });

  it('a bar is full only at the end and empty only at the start', () => {
    expect([0, 0.001, 0.5, 0.999, 1, 7, -1].map((share) => bar(share))).toEqual([
      '░░░░░░░░░░',
      '▓░░░░░░░░░',
      '▓▓▓▓▓░░░░░',
      '▓▓▓▓▓▓▓▓▓░',
      '▓▓▓▓▓▓▓▓▓▓',
      '▓▓▓▓▓▓▓▓▓▓',
      '░░░░░░░░░░',
    ]);
    expect([stackedBar(0.3, 0.02), stackedBar(0.9, 0.9), stackedBar(0, 0)]).toEqual([
      '▓▓▓▒░░░░░░',
      '▓▓▓▓▓▓▓▓▓▒',
      '░░░░░░░░░░',
    ]);
  });
});
