import { expect, it } from 'vitest';
import { type Asking, nextQuestion } from '../../../../plugin/controller/execute/cadence.ts';

const NOW = 1_000_000;
const asking = (change: Partial<Asking>): Asking => ({
  ...{ found: true, askedAtMs: NOW, toldAtMs: null, endToldAtMs: null, tells: false },
  ...change,
});

it.each<[string, Partial<Asking>, number, string]>([
  ['without a record', { found: false, tells: true }, 250, 'record'],
  ['where nobody tells', {}, 700, 'often'],
  ['where the source tells', { tells: true }, 5000, 'seldom'],
  ['as a change was told since', { tells: true, askedAtMs: NOW - 100, toldAtMs: NOW - 50 }, 0, 'told'],
  ['as the change was asked after', { tells: true, askedAtMs: NOW - 50, toldAtMs: NOW - 100 }, 4950, 'seldom'],
  ['as its end was told since', { askedAtMs: NOW - 100, endToldAtMs: NOW - 50 }, 0, 'told'],
  ['until the told end is written down', { endToldAtMs: NOW - 50 }, 100, 'told'],
  ['when the told end did not come', { tells: true, endToldAtMs: NOW - 3000 }, 5000, 'seldom'],
])('asks Nova %s', (_name, change, inMs, pace) => {
  expect(nextQuestion(asking(change), NOW)).toEqual({ atMs: NOW + inMs, pace });
});
