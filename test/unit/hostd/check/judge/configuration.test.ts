import { describe, expect, it } from 'vitest';
import { judgeClock } from '../../../../../hostd/check/judge/clock.ts';
import { judgeClients } from '../../../../../hostd/check/judge/configuration.ts';

describe('judgeClients', () => {
  it.each<[Record<string, 'read' | 'reserve'>, 'ok' | 'warn' | 'fail']>([
    [{ plugin: 'reserve', prometheus: 'read' }, 'ok'],
    [{ prometheus: 'read' }, 'warn'],
    [{ 'plugin ': 'reserve' }, 'warn'],
    [{}, 'fail'],
  ])('%j is %s', (clients, state) => {
    expect(judgeClients(clients).state).toBe(state);
  });
});

describe('judgeClock', () => {
  it.each<[boolean, number, 'ok' | 'warn']>([
    [true, 3, 'ok'],
    [true, 51, 'warn'],
    [false, 16_000, 'warn'],
  ])('synchronised %s within %d ms is %s', (synchronised, maxErrorMs, state) => {
    expect(judgeClock({ synchronised, maxErrorMs }).state).toBe(state);
  });
});
