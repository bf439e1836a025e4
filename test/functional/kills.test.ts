import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { campaign } from '../kills/campaign.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-kills-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

// The long version is bench:kills.
it('kill -9 of the plugin loses no accepted migration, doubles none, and leaves no lease', {
  timeout: 240_000,
}, async () => {
  const result = await campaign({ kills: 6, seed: 20261124, folder, clients: 6, calmEvery: 3, calmMs: 0 });
  expect([...result.lost, ...result.doubled, ...result.wrong]).toEqual([]);
  expect(result.accepted).toBeGreaterThan(0);
  expect([...result.kills.values()].reduce((sum, count) => sum + count, 0)).toBe(6);
});
