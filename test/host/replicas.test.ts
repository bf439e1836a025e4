import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { replicaCampaign, TAKE_OVER_WITHIN_MS } from '../replicas/campaign.ts';

it('two replicas on MariaDB lose and double nothing when the leader is killed, cut off from the database or stopped', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-replicas-'));
  try {
    const result = await replicaCampaign({ kills: 2, cuts: 1, stops: 1, seed: 7, folder, clients: 4 });
    expect({ lost: result.lost, doubled: result.doubled, wrong: result.wrong }).toEqual({
      lost: [],
      doubled: [],
      wrong: [],
    });
    expect(result.accepted).toBeGreaterThan(20);
    const times = Object.values(result.afterMs).flat();
    expect(times).toHaveLength(4);
    // Here all tests share the processors: the promise itself is bench:replicas' to keep.
    for (const ms of times) expect(ms).toBeLessThan(3 * TAKE_OVER_WITHIN_MS);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 180_000);
