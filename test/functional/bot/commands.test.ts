import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BOSS, BotRig, CHANNEL, GUEST, OPS, shown } from '../../bot/rig.ts';
import type { Message } from '../../slack/workspace.ts';

let rig: BotRig;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-bot-'));
  rig = await BotRig.start(folder, { machines: 14 });
  rig.slack.workspace.handles.set('SOPS1', 'ops');
  rig.slack.workspace.members.set(BOSS, { id: BOSS, name: '<!channel> *Boss*', timeZone: 'Europe/Berlin' });
  await rig.startBot();
});

afterAll(async () => {
  await rig.stop();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  rig.forget();
});

const WITHIN = { timeout: 30_000 };

/** The one message in the channel, once it says that. */
async function message(text: RegExp): Promise<Message> {
  await expect.poll(() => rig.messages().map(shown).join('\n'), WITHIN).toMatch(text);
  const [first, ...others] = rig.messages();
  expect(others).toEqual([]);
  return first as Message;
}

async function told(text: RegExp, user = OPS): Promise<void> {
  await expect.poll(() => rig.told(user).join('\n'), WITHIN).toMatch(text);
}

/** What a higher priority would change, with the button that gives it. */
async function offered(user: string): Promise<Message> {
  await told(/ask\.raise-now:high/, user);
  return rig.fresh.filter(({ onlyFor }) => onlyFor === user).at(-1) as Message;
}

function recordsOf(vm: string) {
  return rig.plugin.newest().then((all) => all.filter(({ vmName }) => vmName === vm));
}

describe('a request', () => {
  it('moves a server: one message, changed in place to its end, with its events below it', async () => {
    const { acknowledged } = await rig.type('high vm-1');
    expect(acknowledged).toBe(true);
    const moved = await message(/TMT|failed/);
    await expect.poll(() => rig.thread(moved), WITHIN).toMatch(/completed|failed/);
    expect(moved.versions.length).toBeGreaterThan(1);
    expect(rig.cloud.ledger.taken.filter(({ vmUuid }) => vmUuid.endsWith('001'))).toHaveLength(1);
    await rig.click(moved, 'ask.why', GUEST);
    await told(/no entry/, GUEST);
    await rig.click(moved, 'ask.why');
    await told(/Why so/);
    const [record, ...others] = await recordsOf('vm-1');
    expect(others).toEqual([]);
    expect(record).toMatchObject({ asked: { priority: 'high', requester: `slack:${OPS}` } });
  });

  it('that Slack brings twice is one: one message, one migration', async () => {
    const { delivery } = await rig.type('low vm-2');
    const retry = { attempt: 1, reason: 'timeout' };
    const again = await Promise.all([rig.slack.again(delivery, null, retry), rig.slack.again(delivery, null, retry)]);
    expect(again.map(({ acknowledged }) => acknowledged)).toEqual([true, true]);
    await message(/TMT|failed/);
    expect(await recordsOf('vm-2')).toHaveLength(1);
  });

  it('of a name that no server has is answered to its asker alone, with the nearest names', async () => {
    await rig.type('high vm-l1');
    await told(/vm-11?/);
    expect(rig.messages()).toEqual([]);
  });

  it('with a mistyped word is answered with the word that was meant, pointed at; the plan of it, too', async () => {
    await rig.type('hihg vm-2');
    await told(/no server is called hihg; did you mean high\?/);
    await rig.type('plan vm-2 mediun');
    await told(/\^{6} no server is called mediun; did you mean medium\?/);
    await rig.type('statsu');
    await told(/did you mean status\?/);
    expect(rig.messages()).toEqual([]);
  });

  it('to a host that there is not is refused at once, with the nearest; what is there already stays', async () => {
    await rig.type('low vm-0 to compte-3');
    await told(/compte-3 is no other compute host that is up; vm-0 could go to .*did you mean compute-3\?/);
    const { host = '' } = [...rig.cloud.machines.machines.values()].find(({ name }) => name === 'vm-0') ?? {};
    await rig.type(`low vm-0 to ${host}`);
    await told(new RegExp(`vm-0 is on ${host} already`));
    expect(rig.messages()).toEqual([]);
    expect(await recordsOf('vm-0')).toEqual([]);
    const away = [...rig.cloud.machines.machines.values()].slice(12).find((each) => each.host !== host);
    await rig.type(`low vm-0 "${away?.name}" to ${host}`);
    expect(shown(await message(/TMT|failed/))).toMatch(new RegExp(`vm-0 is on ${host} already`));
    expect(await recordsOf('vm-0')).toEqual([]);
    await rig.type('wbe-*');
    await told(/no server is called wbe-∗/);
    await rig.type('mv-*');
    await told(/no server is called mv-∗; there are vm-/);
  });

  it('is asked once more by a click on the name that was meant, once however often that is clicked', async () => {
    const at = new Date(Date.now() + 3600_000).toISOString().slice(0, 16);
    await rig.type(`low vm-100 at ${at}Z`);
    await told(/ask\.choose/);
    const answer = rig.fresh.find(({ onlyFor }) => onlyFor === OPS) as Message;
    const [, actionId = ''] = /"action_id":"(ask\.choose:[^"]+)"/.exec(shown(answer)) ?? [];
    await Promise.all([rig.click(answer, actionId), rig.click(answer, actionId)]);
    const waits = await message(/waits to be moved/);
    expect(await recordsOf('vm-10')).toHaveLength(1);
    await rig.click(waits, 'ask.cancel');
    await message(/Cancelled/);
  });

  it('that cannot be read is answered with its place', async () => {
    await rig.type('low vm-3 at 25:00');
    await told(/\^\^\^\^\^/);
    expect(rig.messages()).toEqual([]);
  });

  it('of somebody who may not is refused, with who could, and is in the audit', async () => {
    // By their names: nobody is told of it, and what names say stays text.
    await rig.type('high vm-3', GUEST);
    await told(/no entry.*names you.*who may: @ops, &lt;!channel&gt; ∗Boss∗/, GUEST);
    // Nor is said which servers there are.
    await rig.type('high vm-l1', GUEST);
    await expect.poll(() => rig.told(GUEST).length, WITHIN).toBe(2);
    expect(rig.told(GUEST)[1]).toMatch(/no entry/);
    expect(rig.told(GUEST)[1]).not.toMatch(/vm-1/);
    expect(await recordsOf('vm-3')).toEqual([]);
    expect(rig.messages()).toEqual([]);
    const lines = await rig.auditLines();
    expect(lines).toContainEqual(expect.objectContaining({ who: GUEST, action: 'ask', decision: 'forbidden' }));
    expect(lines).toContainEqual(expect.objectContaining({ who: GUEST, action: 'why', decision: 'forbidden' }));
  });

  it('with a name of two servers asks which, and moves the chosen one once, clicked twice', async () => {
    const [first, second] = [...rig.cloud.machines.machines.values()].slice(12, 14);
    if (!first || !second) throw new Error('too few machines');
    first.name = 'twin';
    second.name = 'twin';
    await rig.type('medium twin');
    const asked = await message(/Which one/);
    const click = { channel: asked.channel, ts: asked.ts, actionId: 'ask.choose:0.1' };
    await rig.slack.click(click, BOSS, null);
    await told(/who asked chooses/, BOSS);
    await Promise.all([rig.slack.click(click, OPS, null), rig.slack.click(click, OPS, null)]);
    await message(/TMT|failed/);
    expect((await recordsOf('twin')).map(({ vmUuid }) => vmUuid)).toEqual([second.id]);
  });

  it('for later waits in the plugin, and is cancelled by a click', async () => {
    const at = new Date(Date.now() + 3600_000).toISOString().slice(0, 16);
    await rig.type(`low vm-4 at ${at}Z`);
    const waits = await message(/waits|starts|not before/i);
    await expect
      .poll(() => recordsOf('vm-4'), WITHIN)
      .toMatchObject([{ state: 'queued', asked: { notBeforeAtMs: Date.parse(`${at}Z`) } }]);
    await rig.click(waits, 'ask.cancel', GUEST);
    await told(/may not cancel what others asked for: vm-4 .*who may: [^@]*Boss/, GUEST);
    await Promise.all([rig.click(waits, 'ask.cancel'), rig.click(waits, 'ask.cancel')]);
    await expect.poll(async () => (await recordsOf('vm-4'))[0]?.state, WITHIN).toBe('aborted');
    await message(/cancelled|aborted/i);
    expect((await recordsOf('vm-4'))[0]?.asked?.requester).toBe(`slack:${OPS}`);
  });

  it('is given another priority by a click', async () => {
    const at = new Date(Date.now() + 3600_000).toISOString().slice(0, 16);
    await rig.type(`low vm-5 at ${at}Z`);
    const waits = await message(/ask\.raise:high/);
    await rig.click(waits, 'ask.raise:high');
    await rig.click(await offered(OPS), 'ask.raise-now:high');
    await expect.poll(async () => (await recordsOf('vm-5'))[0]?.asked?.priority, WITHIN).toBe('high');
    await rig.type('cancel vm-5');
    await told(/vm-5/);
    await expect.poll(async () => (await recordsOf('vm-5'))[0]?.state, WITHIN).toBe('aborted');
  });

  it('to drain a host moves what is on it, in one message', async () => {
    const there = [...rig.cloud.machines.machines.values()].filter(({ host }) => host === 'compute-2');
    await rig.type('host compute-2 medium');
    await message(/compute-2/);
    await expect.poll(() => rig.messages().map(shown).join().includes('ask.cancel'), WITHIN).toBe(false);
    const asked = (await rig.plugin.newest()).filter(({ source, asked: a }) => source === 'compute-2' && a !== null);
    expect(new Set(asked.map(({ vmUuid }) => vmUuid)).size).toBeGreaterThanOrEqual(there.length);
  });
});

describe('a question', () => {
  it.each([
    ['help', /vm-42/],
    ['policy', /policy\.yaml@/],
    ['explain vm-1', /vm-1/],
    ['plan high vm-9', /vm-9/],
    ['status', /./],
    ['status all', /./],
    ['status vm-1', /vm-1/],
  ])('%s is answered to its asker alone', async (text, answer) => {
    expect((await rig.type(text)).acknowledged).toBe(true);
    await told(answer);
    expect(rig.messages()).toEqual([]);
  });

  it.each(['explain', 'status', 'cancel'])(
    '%s of no server is answered with the nearest, of two with their ids',
    async (what) => {
      await rig.type(`${what} vm-l1`);
      await told(/there is no server vm-l1; did you mean vm-1/);
      const [first, second] = [...rig.cloud.machines.machines.values()].slice(12, 14);
      if (!first || !second) throw new Error('too few machines');
      [first.name, second.name] = ['pair', 'pair'];
      await rig.type(`${what} pair`);
      await told(/2 servers are called pair, name one by its id/);
    },
  );

  it('opens the home with what waits, runs and ended', async () => {
    await rig.slack.openHome(OPS, null);
    await expect.poll(() => JSON.stringify(rig.slack.workspace.homes.get(OPS) ?? ''), WITHIN).toContain('compute-1');
    await rig.slack.openHome(GUEST, null);
    await expect.poll(() => JSON.stringify(rig.slack.workspace.homes.get(GUEST) ?? ''), WITHIN).toContain('no entry');
    const homes = (await rig.auditLines()).filter(({ action }) => action === 'home');
    expect(homes.map(({ who, decision }) => [who, decision])).toEqual([
      [GUEST, 'forbidden'],
      [OPS, 'accepted'],
    ]);
  });
});

describe('the form', () => {
  it('opens from the help, says what is wrong at its field, and asks for what it says once', async () => {
    await rig.type('help');
    await told(/form\.open/);
    const help = rig.fresh.find(({ onlyFor }) => onlyFor === OPS) as Message;
    await rig.click(help, 'form.open');
    await expect.poll(() => rig.slack.workspace.modals.length, WITHIN).toBe(1);
    const [modal] = rig.slack.workspace.modals;
    const state = (servers: string) => ({
      servers: { servers: { type: 'plain_text_input', value: servers } },
      priority: { priority: { type: 'static_select', selected_option: { value: 'low' } } },
    });
    const wrong = await rig.slack.submit(modal?.id ?? '', state(''), null);
    expect(wrong.body).toMatch(/Which servers/);
    const right = await rig.slack.submit(modal?.id ?? '', state('vm-7'), null);
    expect(right.body).not.toContain('errors');
    await rig.slack.again(right.delivery, null, { attempt: 1, reason: 'timeout' });
    await expect.poll(() => rig.messages().map(shown).join(), WITHIN).toMatch(/TMT|failed/);
    expect(rig.messages()).toHaveLength(1);
    const asked = (await recordsOf('vm-7')).filter((record) => record.asked?.priority === 'low');
    expect(asked).toHaveLength(1);
  });
});

describe('a channel', () => {
  it('that the bot is not invited to is not written to: its asker is', async () => {
    rig.slack.workspace.closed.add('CCLOSED1');
    await rig.type('low vm-10', OPS, 'CCLOSED1');
    await expect.poll(() => rig.messages(`D${OPS}`).map(shown).join(), WITHIN).toMatch(/TMT|failed/);
  });

  it('is told when a policy is loaded and when one is refused', async () => {
    rig.writePolicy((text) => `${text}\n# changed\n`);
    await expect.poll(() => rig.messages('CPOLICY1').map(shown).join(), WITHIN).toMatch(/in effect/);
    rig.writePolicy((text) => `${text}\nnonsense: 1\n`);
    await expect.poll(() => rig.messages('CPOLICY1').map(shown).join(), WITHIN).toMatch(/nonsense/);
    expect(rig.messages('CPOLICY1')).toHaveLength(2);
    rig.writePolicy((text) => text.replace('\nnonsense: 1\n', ''));
  });
});

describe('nothing is lost', () => {
  it('while the plugin is down: acknowledged, said so, and moved when it is back', async () => {
    rig.plugin.kill();
    await rig.plugin.ended();
    expect((await rig.type('high vm-11')).acknowledged).toBe(true);
    await message(/does not answer/);
    rig.plugin.spawn();
    await rig.plugin.ready();
    // What is said meanwhile may have the word "failed" in it.
    await expect.poll(async () => (await recordsOf('vm-11').catch(() => [])).length, WITHIN).toBe(1);
    await message(/TMT|failed/);
    expect(await recordsOf('vm-11')).toHaveLength(1);
  });

  it('that cannot be written down: its asker is told so in time, and nothing comes of it', async () => {
    const other = new Database(join(folder, 'bot.db'));
    other.exec('BEGIN IMMEDIATE');
    const { acknowledged, body } = await rig.type('low vm-6');
    other.exec('ROLLBACK');
    other.close();
    expect(acknowledged).toBe(true);
    expect(body).toMatch(/written down/);
    await rig.type('status');
    await told(/./);
    expect((await recordsOf('vm-6')).filter(({ asked }) => asked?.priority === 'low')).toEqual([]);
  });

  it('when Slack cuts the socket: what comes next is heard', async () => {
    rig.slack.disconnect(true);
    await rig.slack.connected();
    expect((await rig.type('policy')).acknowledged).toBe(true);
    await told(/policy\.yaml@/);
  });

  it('while Slack is away: the message is there once when it is back', async () => {
    await rig.type('low vm-0');
    rig.slack.isDown = true;
    await expect.poll(async () => (await recordsOf('vm-0'))[0]?.state, WITHIN).toMatch(/completed|failed/);
    rig.slack.isDown = false;
    await message(/TMT|failed/);
  });
});

describe('an approval', () => {
  beforeAll(async () => {
    await rig.stopBot();
    await rig.startBot({ approval: { rules: [{ priorities: ['high'] }] } }, { membersMs: 0 });
  });

  it('is a second person’s: not the asker’s, nor anybody’s who may not; once given it moves', async () => {
    await rig.type('high vm-8');
    const waits = await message(/ask\.approve/);
    expect(shown(waits)).toMatch(/If it began now:\* all done in/);
    expect(shown(waits)).toMatch(/else nothing is done; who may: [^@]*Boss/);
    expect(await recordsOf('vm-8')).toEqual([]);
    await rig.click(waits, 'ask.approve', OPS);
    await told(/nobody approves.*who may: [^@]*Boss/, OPS);
    // Who has left the group that may ask is not moved for any more.
    rig.slack.workspace.groups.set('SOPS1', [BOSS]);
    await rig.click(waits, 'ask.approve', BOSS);
    await told(/who asked for it may not any more: they may not ask for high for vm-8/, BOSS);
    rig.slack.workspace.groups.set('SOPS1', [OPS, BOSS]);
    await rig.click(waits, 'ask.approve', BOSS);
    await message(/TMT|failed/);
    const [record] = await recordsOf('vm-8');
    expect(record?.asked?.requester).toBe(`slack:${OPS} approved by slack:${BOSS}`);
  });

  it('is not got around by asking for less and raising it', async () => {
    const at = new Date(Date.now() + 3600_000).toISOString().slice(0, 16);
    await rig.type(`low vm-3 at ${at}Z`);
    const waits = await message(/ask\.raise:high/);
    await rig.click(waits, 'ask.raise:high', OPS);
    await told(/takes a second person/, OPS);
    expect((await recordsOf('vm-3'))[0]?.asked?.priority).toBe('low');
    await rig.click(waits, 'ask.raise:high', BOSS);
    await rig.click(await offered(BOSS), 'ask.raise-now:high', BOSS);
    await expect.poll(async () => (await recordsOf('vm-3'))[0]?.asked?.priority, WITHIN).toBe('high');
    await rig.click(waits, 'ask.cancel', OPS);
    await expect.poll(async () => (await recordsOf('vm-3'))[0]?.state, WITHIN).toBe('aborted');
  });

  it('that nobody gives expires, though the bot was started again meanwhile, and nothing moves', async () => {
    const approval = { rules: [{ priorities: ['high'] }], expiresAfterMinutes: 0.1, mention: true };
    await rig.stopBot();
    await rig.startBot({ approval });
    await rig.type('high vm-9');
    expect(shown(await message(/ask\.approve/))).toContain(`"<@${BOSS}>"`);
    await rig.stopBot();
    await rig.startBot({ approval });
    await message(/in time/);
    expect(await recordsOf('vm-9')).toEqual([]);
  });
});

describe('over HTTP', () => {
  beforeAll(async () => {
    await rig.stopBot();
    await rig.startBot({}, { http: true });
  });

  it('the same works, and a request that was taken, is stale or is stamped ahead is refused', async () => {
    const { delivery, acknowledged } = await rig.type('status');
    expect(acknowledged).toBe(true);
    await told(/./);
    const send = async (atMs: number, signed = rig.slack.sign(delivery, atMs)) =>
      (await fetch(rig.url ?? '', { method: 'POST', body: signed.body, headers: signed.headers })).status;
    const first = rig.slack.sign({ ...delivery, payload: { ...delivery.payload, trigger_id: 'other' } }, Date.now());
    expect(await send(0, first)).toBe(200);
    expect(await send(0, first)).toBe(401);
    expect(await send(Date.now() - 400_000)).toBe(401);
    expect(await send(Date.now() + 120_000)).toBe(401);
    expect(await send(Date.now() + 365 * 86_400_000)).toBe(401);
    expect(await send(0, { ...first, headers: { ...first.headers, 'x-slack-signature': 'v0=00' } })).toBe(401);
    expect((await rig.auditLines()).map(({ decision }) => decision)).toContain('replayed');
    expect(rig.messages(CHANNEL)).toEqual([]);
  });
});
