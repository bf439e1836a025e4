import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BotRig, OPS, shown } from '../../bot/rig.ts';
import type { Message } from '../../slack/workspace.ts';

/** Of another company, in a channel that is shared with it (Slack Connect). */
const STRANGER = 'UPARTNER1';
/** Of the same company as they, but the rights name this one. */
const NAMED = 'UPARTNER2';
/** Of another workspace of the same organisation (Enterprise Grid). */
const SIBLING = 'USIBLING1';

let rig: BotRig;
let folder = '';
const WITHIN = { timeout: 30_000 };
const EVERYTHING = { priorities: ['low', 'medium', 'high'], drain: true, others: true, approve: true };
const rights = [
  { everyone: true, ...EVERYTHING },
  { groups: ['SOPS1'], ...EVERYTHING },
  { users: [NAMED], priorities: ['low'] },
];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-bot-strangers-'));
  rig = await BotRig.start(folder, { machines: 6 });
  const { members, groups } = rig.slack.workspace;
  rig.slack.workspace.enterpriseId = 'E1';
  const partner = { timeZone: '', teamId: 'T2', enterpriseId: 'E2' };
  members.set(STRANGER, { id: STRANGER, name: 'stranger', ...partner });
  members.set(NAMED, { id: NAMED, name: 'named', ...partner });
  members.set(SIBLING, { id: SIBLING, name: 'sibling', timeZone: 'Europe/Berlin', teamId: 'T3' });
  // However they came into one of the groups.
  groups.set('SOPS1', [OPS, STRANGER]);
}, 60_000);

afterAll(async () => {
  await rig.stop();
  rmSync(folder, { recursive: true });
});

describe.each([
  ['Socket Mode', false],
  ['HTTP', true],
])('over %s, of people of another workspace', (_way, http) => {
  beforeAll(async () => {
    await rig.stopBot();
    await rig.startBot({ rights }, { http });
  });

  beforeEach(() => {
    rig.forget();
  });

  const refused = /you belong to another Slack workspace \(T2\).*name by their user id/;

  async function told(text: RegExp, user: string): Promise<void> {
    await expect.poll(() => rig.told(user).join('\n'), WITHIN).toMatch(text);
  }

  async function waiting(user: string, vm: string): Promise<Message> {
    const at = new Date(Date.now() + 3600_000).toISOString().slice(0, 16);
    expect((await rig.type(`low ${vm} at ${at}Z`, user)).acknowledged).toBe(true);
    await expect.poll(() => rig.messages().map(shown).join(), WITHIN).toMatch(/ask\.raise:high/);
    return rig.messages()[0] as Message;
  }

  async function decisions(who: string): Promise<string[]> {
    const lines = (await rig.auditLines()).filter((line) => line.who === who && line.decision === 'forbidden');
    expect(lines.every(({ details }) => JSON.stringify(details).includes('T2'))).toBe(true);
    return lines.map(({ action }) => action);
  }

  it('a command is refused with the reason, though everybody and a group of theirs may, and is in the audit', async () => {
    for (const text of ['high vm-1', 'status all', 'plan high vm-1', 'explain vm-1', 'cancel vm-1', 'high vm-nosuch']) {
      rig.forget();
      expect((await rig.type(text, STRANGER)).acknowledged).toBe(true);
      await told(refused, STRANGER);
      // Neither who may nor what there is.
      expect(rig.told(STRANGER).join()).not.toMatch(/who may|vm-1 |compute/);
    }
    expect(rig.messages()).toEqual([]);
    expect((await rig.plugin.newest()).filter(({ vmName }) => vmName === 'vm-1')).toEqual([]);
    expect(await decisions(STRANGER)).toEqual(expect.arrayContaining(['ask', 'status', 'plan', 'explain', 'cancel']));
  });

  it('each click is refused, and changes nothing', async () => {
    const waits = await waiting(OPS, 'vm-2');
    for (const action of ['ask.raise:high', 'ask.cancel', 'ask.why']) {
      const before = rig.told(STRANGER).length;
      await rig.click(waits, action, STRANGER);
      await expect.poll(() => rig.told(STRANGER).length, WITHIN).toBe(before + 1);
      expect(rig.told(STRANGER).at(-1)).toMatch(refused);
    }
    const [record] = await rig.plugin.newest();
    expect(record).toMatchObject({ state: 'queued', asked: { priority: 'low' } });
    expect(await decisions(STRANGER)).toEqual(expect.arrayContaining(['raise', 'cancel', 'why']));
    await rig.click(waits, 'ask.cancel');
    await expect.poll(async () => (await rig.plugin.newest())[0]?.state, WITHIN).toBe('aborted');
  });

  it('the form and the home say why instead; a form that is open already asks for nothing', async () => {
    await rig.type('help', OPS);
    await told(/form\.open/, OPS);
    const help = rig.fresh.find(({ onlyFor }) => onlyFor === OPS) as Message;
    const { modals, homes } = rig.slack.workspace;
    modals.length = 0;
    await rig.click(help, 'form.open', STRANGER);
    await expect.poll(() => JSON.stringify(modals), WITHIN).toMatch(refused);
    expect(JSON.stringify(modals)).not.toContain('"input"');
    await rig.slack.openHome(STRANGER, rig.url);
    await expect.poll(() => JSON.stringify(homes.get(STRANGER) ?? ''), WITHIN).toMatch(refused);
    // One that is open all the same, as where Slack did not say who they are.
    modals.length = 0;
    await rig.click(help, 'form.open', OPS);
    await expect.poll(() => modals.length, WITHIN).toBe(1);
    const [modal] = modals;
    Object.assign(modal ?? {}, { user: STRANGER });
    const state = { servers: { servers: { type: 'plain_text_input', value: 'vm-3' } } };
    expect((await rig.slack.submit(modal?.id ?? '', state, rig.url)).acknowledged).toBe(true);
    await expect.poll(() => rig.told(STRANGER).join(), WITHIN).toMatch(refused);
    expect((await rig.plugin.newest()).filter(({ vmName }) => vmName === 'vm-3')).toEqual([]);
    expect(await decisions(STRANGER)).toEqual(expect.arrayContaining(['form', 'home', 'ask']));
  });

  it('whom an entry names by their id may what it allows, and no more; of the same organisation all may', async () => {
    const own = await waiting(NAMED, 'vm-4');
    await rig.click(own, 'ask.raise:high', NAMED);
    await told(/you may not give it priority high/, NAMED);
    await rig.click(own, 'ask.cancel', SIBLING);
    await expect.poll(async () => (await rig.plugin.newest())[0]?.state, WITHIN).toBe('aborted');
  });

  it('nobody approves for another company, and what Slack does not know is nobody’s', async () => {
    await rig.stopBot();
    await rig.startBot({ rights, approval: { rules: [{ priorities: ['high'] }] } }, { http });
    rig.forget();
    await rig.type('high vm-5', OPS);
    await expect.poll(() => rig.messages().map(shown).join(), WITHIN).toMatch(/ask\.approve/);
    const [waits] = rig.messages() as [Message];
    await rig.click(waits, 'ask.approve', STRANGER);
    await told(refused, STRANGER);
    await rig.click(waits, 'ask.approve', 'UNOBODY1');
    await told(/a Slack workspace that Slack does not name/, 'UNOBODY1');
    expect((await rig.plugin.newest()).filter(({ vmName }) => vmName === 'vm-5')).toEqual([]);
    expect(await decisions(STRANGER)).toContain('approve');
    await rig.click(waits, 'ask.cancel');
  });
});
