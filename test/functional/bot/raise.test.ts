import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BOSS, BotRig, OPS, shown } from '../../bot/rig.ts';
import type { Message } from '../../slack/workspace.ts';

let rig: BotRig;
let folder = '';
const WITHIN = { timeout: 15_000 };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-bot-raise-'));
  rig = await BotRig.start(folder, { machines: 9, runMs: [60_000, 60_000] });
  await rig.startBot({ approval: { rules: [{ priorities: ['high'], lossAbove: '20 %' }] } });
}, 60_000);

beforeEach(() => {
  rig.forget();
});

afterAll(async () => {
  await rig.stop();
  rmSync(folder, { recursive: true });
});

/** A server of that host that nothing moved yet, on its way with priority low. */
async function running(from: string, to: string): Promise<{ vm: string; asked: Message }> {
  const moved = (await rig.plugin.newest()).map(({ vmName }) => vmName);
  const free = [...rig.cloud.machines.machines.values()].find((one) => one.host === from && !moved.includes(one.name));
  if (!free) throw new Error(`no server is left on ${from}`);
  await rig.type(`low "${free.name}" to ${to}`);
  await expect.poll(async () => (await recordOf(free.name))?.state, WITHIN).toMatch(/running|post-copy/);
  await expect.poll(() => rig.messages().map(shown).join(), WITHIN).toMatch(/ask\.raise:high/);
  return { vm: free.name, asked: rig.messages()[0] as Message };
}

async function recordOf(vm: string) {
  return (await rig.plugin.newest()).find(({ vmName }) => vmName === vm);
}

async function told(text: RegExp, user: string): Promise<Message> {
  await expect.poll(() => rig.told(user).join('\n'), WITHIN).toMatch(text);
  return rig.fresh.filter(({ onlyFor }) => onlyFor === user).at(-1) as Message;
}

describe('raising one that runs', { timeout: 60_000 }, () => {
  it('beyond the stated loss takes a second person, who sees before what it is predicted to cost', async () => {
    const { vm, asked } = await running('compute-1', 'compute-2');
    await rig.click(asked, 'ask.raise:high', OPS);
    await told(/takes a second person to raise it to high \(priority high, workloads lose \d\d % on compute-1 tx/, OPS);
    expect(rig.told(OPS).join()).toMatch(/What they would agree to: all done in .*workloads lose [\d.]+ Gbit/);
    expect(rig.told(OPS).join()).not.toContain('ask.raise-now');
    await rig.click(asked, 'ask.raise:high', BOSS);
    const offer = await told(/ask\.raise-now/, BOSS);
    expect(shown(offer)).toMatch(/ETA .* → .* sooner/);
    expect(shown(offer)).toMatch(/Workloads lose [\d.]+ Gbit more than as it is: \d\d % of compute-1 tx/);
    expect(shown(offer)).toMatch(/takes a second person.*With your click you are that one/);
    expect((await recordOf(vm))?.decision?.priority).toBe('low');
    // Checked again at the second click.
    await rig.click(offer, 'ask.raise-now:high', OPS);
    await expect.poll(() => rig.told(OPS).length, WITHIN).toBe(2);
    expect((await recordOf(vm))?.decision?.priority).toBe('low');
    await rig.click(offer, 'ask.raise-now:high', BOSS);
    await expect.poll(async () => (await recordOf(vm))?.decision?.priority, WITHIN).toBe('high');
    await rig.click(offer, 'ask.raise-now:high', BOSS);
    await told(/nothing of it can be raised to high any more/, BOSS);
    const decisions = (await rig.auditLines()).filter(({ action }) => action === 'raise').map((line) => line.decision);
    expect(new Set(decisions)).toEqual(new Set(['forbidden', 'foreseen', 'accepted', 'done', 'too-late']));
  });

  it('within it takes one person, who sees it, too', async () => {
    const { vm, asked } = await running('compute-2', 'compute-3');
    await rig.click(asked, 'ask.raise:high', OPS);
    const offer = await told(/ask\.raise-now/, OPS);
    expect(shown(offer)).toContain('nothing is changed yet');
    expect(shown(offer)).not.toContain('second person');
    await rig.click(offer, 'ask.raise-now:high', OPS);
    await expect.poll(async () => (await recordOf(vm))?.decision?.priority, WITHIN).toBe('high');
  });

  it('while the plugin is away nobody can tell what it costs: it takes a second person', async () => {
    const { asked } = await running('compute-3', 'compute-1');
    rig.plugin.kill();
    await rig.plugin.ended();
    await rig.click(asked, 'ask.raise:high', OPS);
    await told(/a workload loss that nobody can predict.*nobody can tell \(the control API does not answer/, OPS);
  });
});
