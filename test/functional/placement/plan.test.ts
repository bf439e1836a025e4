import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PluginStage } from '../../plugin/stage.ts';

const WITHIN = { timeout: 30_000 };

let stage: PluginStage;
let cloud: PluginStage['cloud'];
let plugin: PluginStage['plugin'];

/** Nine servers, three on each host, which has room for as many as is said; a migration runs for 0.8 s. */
beforeEach(async () => {
  stage = await PluginStage.build({ machines: 9, runMs: [800, 800] });
  ({ cloud, plugin } = stage);
  // So long that all three are decided together, and with the room known, on a busy machine, too.
  await plugin.prepare('4 s');
  await stage.start();
});
afterEach(() => stage.stop());

/** The nth server of a host asks to go to another one. */
function move(n: number, from: number, to: number | null) {
  return stage.send(stage.machines[3 * n + from - 1], to === null ? null : `compute-${to}`);
}

async function recordOf(vmUuid: string) {
  const record = (await plugin.newest()).find((one) => one.vmUuid === vmUuid);
  if (!record) throw new Error(`there is no record of ${vmUuid}`);
  return record;
}

describe('A destination with room for one', () => {
  it('gets the second when somebody has left it, and Nova never has to refuse one', async () => {
    cloud.machines.capacity = 4;
    const answers = await Promise.all([move(0, 1, 2), move(1, 1, 2), move(0, 2, 3)]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    const ends = async () => (await plugin.newest()).map(({ state }) => state);
    await expect.poll(ends, WITHIN).toEqual(['completed', 'completed', 'completed']);
    expect(cloud.ledger.taken.map(({ end }) => end)).toEqual(['completed', 'completed', 'completed']);
    const [first, second, leaving] = answers.map(({ vmUuid }) =>
      cloud.ledger.taken.find((taken) => taken.vmUuid === vmUuid),
    );
    const comers = [first, second].toSorted((a, b) => (a?.takenAtMs ?? 0) - (b?.takenAtMs ?? 0));
    expect(comers[1]?.takenAtMs).toBeGreaterThanOrEqual(leaving?.endedAtMs ?? Number.POSITIVE_INFINITY);
    // The first read Nova's own answer, the second had to wait.
    expect(comers.map((taken) => taken?.by)).toEqual(['caller', 'service']);
  });

  it('is left to Nova by one that nothing gives room, which reads the reason', async () => {
    cloud.machines.capacity = 3;
    const { status, vmUuid } = await move(0, 1, 2);
    expect(status).toBe(202);
    const end = async () => (await recordOf(vmUuid)).stateReason?.code;
    await expect.poll(end, WITHIN).toBe('no-valid-host');
    const { decision, deferred } = await recordOf(vmUuid);
    expect(decision?.reasons.map(({ code }) => code)).toContain('room-never');
    expect(deferred).toBe(false);
  });
});
