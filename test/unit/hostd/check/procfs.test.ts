import { describe, expect, it } from 'vitest';
import { hasNetAdmin, holdsLock, isPortTaken } from '../../../../hostd/check/procfs.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
/** Port 7411 is 1CF3; 10.0.0.11 is 0B00000A. */
const tcp = (local: string, state: string) =>
  `${HEAD}   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:0 0 0 1\n`;
const NOTHING = HEAD;
const ANY6 = '0'.repeat(32);

describe('isPortTaken', () => {
  it.each<[string, string, string, string, boolean]>([
    ['the same address', tcp('0B00000A:1CF3', '0A'), NOTHING, '10.0.0.11', true],
    ['another address of the host', tcp('0100007F:1CF3', '0A'), NOTHING, '10.0.0.11', false],
    ['all addresses', tcp('00000000:1CF3', '0A'), NOTHING, '10.0.0.11', true],
    ['all addresses of both versions', NOTHING, tcp(`${ANY6}:1CF3`, '0A'), '10.0.0.11', true],
    ['one, where all are wanted', tcp('0100007F:1CF3', '0A'), NOTHING, '0.0.0.0', true],
    ['another port', tcp('0B00000A:1CF4', '0A'), NOTHING, '10.0.0.11', false],
    ['a connection, not a listener', tcp('0B00000A:1CF3', '01'), NOTHING, '10.0.0.11', false],
    ['an IPv4 listener beside an IPv6 address', tcp('0B00000A:1CF3', '0A'), NOTHING, 'fd00::1', false],
    ['nothing', NOTHING, NOTHING, '10.0.0.11', false],
  ])('%s', (_, v4, v6, address, taken) => {
    expect(isPortTaken(v4, v6, address, 7411)).toBe(taken);
  });
});

describe('holdsLock', () => {
  const LOCKS = '1: POSIX  ADVISORY  WRITE 42 fe:00:1000 0 EOF\n2: FLOCK  ADVISORY  WRITE 42 fe:00:1049 0 EOF\n';
  it('knows the process and the file', () => {
    expect(holdsLock(LOCKS, 42, 1049)).toBe(true);
    expect(holdsLock(LOCKS, 43, 1049)).toBe(false);
    expect(holdsLock(LOCKS, 42, 1050)).toBe(false);
    // Another kind of lock is not hostd's.
    expect(holdsLock(LOCKS, 42, 1000)).toBe(false);
    // Whose end is awaited stands with an arrow.
    expect(holdsLock('2: -> FLOCK  ADVISORY  WRITE 42 fe:00:1049 0 EOF', 42, 1049)).toBe(false);
  });
});

describe('hasNetAdmin', () => {
  it('reads bit 12 of the effective set', () => {
    expect(hasNetAdmin('CapPrm:\t0000000000001000\nCapEff:\t0000000000001000\n')).toBe(true);
    expect(hasNetAdmin('CapPrm:\t0000000000001000\nCapEff:\t0000000000000000\n')).toBe(false);
    expect(hasNetAdmin('CapEff:\t000001fffeffefff\n')).toBe(false);
    expect(hasNetAdmin('')).toBe(false);
  });
});
