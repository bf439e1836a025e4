import { afterEach, expect, it } from 'vitest';
import { seeded } from '../random.ts';
import { killUnder } from './crash/kill.ts';
import { FOUND_ROOTS } from './crash/roots.ts';
import { Rig } from './rig.ts';

// The short form of `npm run bench:crash`.
const KILLS = 5;
const SEED = 20_261_124;
let rig: Rig | null = null;
afterEach(() => rig?.stop());

it.each(['mq with queues of its own', 'tbf with a child', 'HTB of somebody else'])(
  'kill -9 at random moments over %s: kernel, disk and answers agree, and the NIC comes back to the byte',
  async (name) => {
    const index = FOUND_ROOTS.findIndex((root) => root.name === name);
    const root = FOUND_ROOTS[index];
    if (root === undefined) throw new Error(`there is no root ${name}`);
    rig = new Rig(undefined, { nicQueues: 4 });
    await rig.start();
    const { kills, recoveriesMs } = await killUnder(rig, root, KILLS, seeded(SEED + index));
    expect(kills).toHaveLength(KILLS);
    expect(recoveriesMs.length).toBeGreaterThan(0);
  },
);
