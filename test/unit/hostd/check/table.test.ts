import { describe, expect, it } from 'vitest';
import { exitStatus, fail, ok, warn } from '../../../../hostd/check/finding.ts';
import { renderTable } from '../../../../hostd/check/table.ts';

describe('renderTable', () => {
  it('aligns the findings, says below each gap what to do, and counts them', () => {
    const report = [ok('clock', 'fine'), warn('nic.speed', 'slow', 'Buy one.'), fail('tls.cert', 'none', 'Make one.')];
    expect(renderTable(report)).toBe(
      [
        'ok    clock      fine',
        'warn  nic.speed  slow',
        '                 -> Buy one.',
        'fail  tls.cert   none',
        '                 -> Make one.',
        '',
        '1 ok, 1 warnings, 1 failures',
        '',
      ].join('\n'),
    );
  });

  it('gives no control character to the terminal', () => {
    expect(renderTable([warn('nic.root', 'a\u001b[2J\nb', '\u0007c\u009b')])).toMatch(
      /^warn {2}nic\.root {2}a \[2J b\n {16}-> c\n/,
    );
  });
});

describe('exitStatus', () => {
  it('is 1 for a failure only', () => {
    expect(exitStatus([ok('a', 'b'), warn('a', 'b', 'c')])).toBe(0);
    expect(exitStatus([warn('a', 'b', 'c'), fail('a', 'b', 'c')])).toBe(1);
    expect(exitStatus([])).toBe(0);
  });
});
