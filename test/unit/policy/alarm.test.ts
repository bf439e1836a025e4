import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WindowAlarm } from '../../../plugin/policy/alarm.ts';
import { parsePolicyFiles } from '../../../plugin/policy/load.ts';
import type { Policy } from '../../../plugin/policy/schema.ts';

const SEED = readFileSync(new URL('../../../policies/seed.yaml', import.meta.url), 'utf8');
const NOON = Date.parse('2026-11-24T12:00:00Z');
const MINUTE = 60_000;

function policyWith(site: string): Policy {
  const parsed = parsePolicyFiles([
    { name: 'seed.yaml', text: SEED },
    { name: 'site.yaml', text: site },
  ]);
  if ('errors' in parsed) throw new Error(JSON.stringify(parsed.errors));
  return parsed.policy;
}

const window = (from: string, to: string) =>
  policyWith(`windows: [{ priority: low, from: "${from}", to: "${to}", timeZone: UTC }]\n`);

describe('the alarm of a policy’s windows', () => {
  const rings: number[] = [];
  const alarm = new WindowAlarm(() => rings.push((Date.now() - NOON) / MINUTE));
  const at = (minute: number) => vi.advanceTimersByTimeAsync(NOON + minute * MINUTE - Date.now());

  beforeEach(() => {
    rings.length = 0;
    vi.useFakeTimers({ now: NOON });
  });
  afterEach(() => {
    alarm.stop();
    vi.useRealTimers();
  });

  it('rings when one opens, when it closes, and again the next day', async () => {
    alarm.watch(window('12:10', '12:30'));
    await at(9);
    expect(rings).toEqual([]);
    await at(24 * 60 + 11);
    expect(rings.map(Math.round)).toEqual([10, 30, 24 * 60 + 10]);
  });

  it('takes the windows of the newest policy only', async () => {
    alarm.watch(window('12:10', '12:30'));
    alarm.watch(window('12:20', '12:40'));
    await at(45);
    expect(rings.map(Math.round)).toEqual([20, 40]);
  });

  it('knows the times of priority rules too', async () => {
    alarm.watch(
      policyWith(
        'priorities: { rules: [{ project: p, time: { from: "12:05", to: "12:06", timeZone: UTC }, priority: low }] }\n',
      ),
    );
    await at(10);
    expect(rings.map(Math.round)).toEqual([5, 6]);
  });

  it('is silent without windows, and after it was stopped', async () => {
    alarm.watch(policyWith('maxWait: 1 h\n'));
    await at(24 * 60);
    alarm.watch(window('12:10', '12:30'));
    alarm.stop();
    await at(48 * 60);
    expect(rings).toEqual([]);
  });
});
