import { expect, test } from 'vitest';
import { parseFigures } from '../../lab/guests.ts';
import { parseEvent } from '../../lab/migrate.ts';
import { summarisePing } from '../../lab/traffic.ts';

test('the longest silence between two answers is found', () => {
  const output = `PING 10.79.0.51 (10.79.0.51) 56(84) bytes of data.
[1795441019.000000] 64 bytes from 10.79.0.51: icmp_seq=1 ttl=64 time=0.310 ms
[1795441019.020000] 64 bytes from 10.79.0.51: icmp_seq=2 ttl=64 time=0.290 ms
[1795441019.520000] 64 bytes from 10.79.0.51: icmp_seq=7 ttl=64 time=38.6 ms
[1795441019.540000] 64 bytes from 10.79.0.51: icmp_seq=8 ttl=64 time=0.300 ms

--- 10.79.0.51 ping statistics ---
8 packets transmitted, 4 received, 50% packet loss, time 540ms
`;
  expect(summarisePing(output)).toEqual({
    sent: 8,
    received: 4,
    longestGapMs: 500,
    longestGapAt: 1795441019020,
    longestRoundTripMs: 38.6,
  });
});

test('a guest that never answered has no gap and no answers', () => {
  const output = '3 packets transmitted, 0 received, 100% packet loss, time 40ms\n';
  expect(summarisePing(output)).toMatchObject({ sent: 3, received: 0, longestGapMs: 0 });
});

test("the agent's figures are read by name", () => {
  expect(parseFigures('bad=0 first=-1 pages=25088 took=0.21')).toEqual({ bad: 0, first: -1, pages: 25088, took: 0.21 });
});

test('events of other domains are left out', () => {
  const line = `2026-11-23 13:37:01.250+0000: event MIGRATION for domain 'instance-1': {"status":"active"}`;
  expect(parseEvent(line, 'instance-1')).toEqual([
    { name: 'MIGRATION', at: Date.UTC(2026, 10, 23, 13, 37, 1, 250), data: { status: 'active' } },
  ]);
  expect(parseEvent(line, 'instance-2')).toEqual([]);
  expect(
    parseEvent(`2026-11-23 13:37:01.250+0000: event STOP for domain 'instance-1': <null>`, 'instance-1'),
  ).toMatchObject([{ name: 'STOP', data: {} }]);
});
