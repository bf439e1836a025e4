import { expect, it } from 'vitest';
import { Trust } from '../../../plugin/notifications/trust.ts';
import { sourceView, vm } from './doubles.ts';
import { ControllerRig } from './rig.ts';

const ENDED = 'instance.live_migration_post.end';

/** A controller of which Nova's compute on compute-1 was heard, and its trust. */
async function heard(): Promise<{ rig: ControllerRig; trust: Trust }> {
  const trust = new Trust();
  trust.begin(0);
  trust.heard('compute-1');
  const rig = new ControllerRig('', undefined, { notified: trust });
  rig.nova.addServer(vm(1));
  await rig.start();
  return { rig, trust };
}

async function running(rig: ControllerRig): Promise<void> {
  const asked = rig.ask(1);
  rig.hosts[0]?.show([sourceView(1)]);
  await asked;
  await expect.poll(async () => (await rig.ends())[1]).toMatch(/^running/);
}

const PAUSE_MS = 2200;
const pause = () => new Promise((done) => setTimeout(done, PAUSE_MS));

it('asks Nova seldom for a migration from a host that tells, and at once when it is told the end', async () => {
  const { rig } = await heard();
  await running(rig);
  const before = rig.nova.asked(vm(1));
  await pause();
  // Without notifications there would be three.
  expect(rig.nova.asked(vm(1)) - before).toBeLessThanOrEqual(1);
  // The end is told before Nova writes it down.
  rig.controller.notified({ serverId: vm(1), eventType: ENDED });
  setTimeout(() => rig.nova.set(vm(1), { phase: 'completed', status: 'completed' }), 50);
  rig.hosts[0]?.show([]);
  await expect.poll(() => rig.controller.figures.asked.get('told') ?? 0).toBeGreaterThan(0);
  await expect.poll(async () => (await rig.ends())[1]).toBe('completed completed');
  expect(rig.nova.asked(vm(1)) - before).toBeLessThan(10);
});

it('a notification that is lost costs nothing but time, and the host is not relied on any more', async () => {
  const { rig, trust } = await heard();
  await running(rig);
  rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
  rig.hosts[0]?.show([]);
  await expect.poll(async () => (await rig.ends())[1]).toBe('completed completed');
  expect(trust.tells('compute-1')).toBe(false);
  expect(trust.silent).toEqual(['compute-1']);
});

it('asks as often as ever once nobody listens', async () => {
  const { rig, trust } = await heard();
  await running(rig);
  trust.end();
  const before = rig.nova.asked(vm(1));
  await expect.poll(() => rig.nova.asked(vm(1)) - before).toBeGreaterThanOrEqual(2);
});

/** A window that opens half a day from now. */
function closedWindow(): string {
  const at = (ms: number) => new Date(Date.now() + 12 * 3_600_000 + ms).toISOString().slice(11, 16);
  return `windows: [{ priority: low, from: "${at(0)}", to: "${at(60_000)}", timeZone: UTC }]`;
}

it('looks at the server of one that waits when it is told that something happened to it', async () => {
  const rig = new ControllerRig(closedWindow());
  rig.nova.addServer(vm(1), { metadata: { 'drover:priority': 'low' } });
  await rig.start();
  expect(await rig.ask(1)).toMatchObject({ kind: 'accepted' });
  expect(rig.controller.watched).toEqual(new Set([vm(1)]));
  rig.nova.servers.delete(vm(1));
  rig.controller.notified({ serverId: vm(1), eventType: 'instance.delete.end' });
  await expect.poll(async () => (await rig.ends())[1]).toBe('aborted server-gone');
  expect(rig.controller.watched).toEqual(new Set());
});

it('watches nothing and does nothing where another replica decides', async () => {
  const rig = new ControllerRig(closedWindow());
  rig.nova.addServer(vm(1), { metadata: { 'drover:priority': 'low' } });
  const controller = await rig.start();
  await rig.ask(1);
  await controller.stop();
  rig.nova.servers.delete(vm(1));
  expect(controller.watched).toEqual(new Set());
  controller.notified({ serverId: vm(1), eventType: 'instance.delete.end' });
  expect((await rig.ends())[1]).toMatch(/^queued/);
});
