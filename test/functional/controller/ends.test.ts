import { afterEach, describe, expect, it, vi } from 'vitest';
import type { NovaMigration } from '../../../plugin/nova/control.ts';
import { sourceView, vm } from './doubles.ts';
import { ControllerRig } from './rig.ts';

const MINUTE_MS = 60_000;

/** Puts a migration there that Nova was asked for `agoMs` ago; Nova shows `record`, null: nothing. */
async function leave(rig: ControllerRig, n: number, agoMs: number, record: Partial<NovaMigration> | null) {
  const store = await rig.openStore();
  rig.nova.addServer(vm(n));
  const { id } = await store.add({
    vmUuid: vm(n),
    userId: 'user',
    source: 'compute-1',
    destination: 'compute-2',
    receivedAtMs: Date.now() - agoMs,
    request: { host: 'compute-2', blockMigration: 'auto', diskOverCommit: null, force: null, microversion: '2.93' },
    server: { name: `vm-${n}`, projectId: 'p', flavorName: 'm256', memoryBytes: 2 ** 28, metadata: {} },
  });
  const submittedAtMs = Date.now() - agoMs;
  const reason = { code: 'submitted', text: 'Nova is asked now' };
  await store.transition(id, 'submitted', reason, submittedAtMs, { submittedAtMs, novaMigrationId: 100 + n });
  await store.stop();
  if (record === null) return;
  const seen = { phase: 'running', status: 'running', destination: 'compute-2', uuid: null } as const;
  rig.nova.records.set(vm(n), { ...seen, id: 100 + n, ...record });
}

afterEach(() => {
  vi.useRealTimers();
});

describe('an end that Nova or its parts bring about', () => {
  it('has a state and a code of its own', async () => {
    const rig = new ControllerRig();
    await leave(rig, 1, 1000, {});
    await leave(rig, 2, 1000, { phase: 'failed', status: 'error', destination: null });
    await leave(rig, 3, 1000, { phase: 'failed', status: 'failed' });
    await leave(rig, 4, 1000, { phase: 'post-copy', status: 'running (post-copy)' });
    await leave(rig, 5, 11 * MINUTE_MS, { phase: 'queued', status: 'accepted', destination: null });
    await leave(rig, 6, 9 * MINUTE_MS, { phase: 'queued', status: 'accepted', destination: null });
    await leave(rig, 7, 2 * MINUTE_MS, null);
    await leave(rig, 8, 1000, { phase: 'completed', status: 'completed' });
    const broken = { status: 'post-copy-paused', postCopyAtMs: Date.now(), postCopyPausedAtMs: Date.now() } as const;
    rig.hosts[0]?.show([sourceView(4, broken)]);
    await rig.start();

    rig.controller.serverChanged({ serverId: vm(1), kind: 'abort', novaMigrationId: 101, token: 'good' });
    await expect.poll(() => rig.events(1)).toContain('abort-asked');
    rig.nova.set(vm(1), { phase: 'cancelled', status: 'cancelled' });
    await expect.poll(() => rig.events(4)).toContain('post-copy-paused');
    rig.nova.set(vm(4), { phase: 'failed', status: 'error' });

    await expect
      .poll(() => rig.ends())
      .toEqual({
        1: 'aborted cancelled',
        2: 'failed no-valid-host',
        3: 'failed nova-failed',
        4: 'failed post-copy-interrupted',
        5: 'failed conductor-silent',
        6: 'submitted submitted',
        7: 'failed nova-record-missing',
        8: 'completed completed',
      });
    // Said once, however long it stands still.
    expect((await rig.events(4)).filter((code) => code === 'post-copy-paused')).toHaveLength(1);
  });

  it('comes after an hour of a nova-compute that does nothing, but not while others go first', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const waiting = { phase: 'queued', status: 'queued' } as const;
    const rig = new ControllerRig();
    await leave(rig, 1, 1000, waiting);
    rig.hosts[0]?.show([sourceView(2)]);
    await rig.start();
    await expect.poll(() => rig.nova.asked(vm(1))).toBeGreaterThan(0);
    const pass = async (minutes: number) => {
      const before = rig.nova.asked(vm(1));
      vi.setSystemTime(Date.now() + minutes * MINUTE_MS);
      await expect.poll(() => rig.nova.asked(vm(1))).toBeGreaterThan(before + 1);
    };
    await pass(61);
    expect((await rig.ends())[1]).toBe('submitted submitted');
    rig.hosts[0]?.show([]);
    await pass(50);
    expect((await rig.ends())[1]).toBe('submitted submitted');
    vi.setSystemTime(Date.now() + 11 * MINUTE_MS);
    await expect.poll(() => rig.ends()).toEqual({ 1: 'failed compute-silent' });
  });
});

describe('while it runs', () => {
  it('a Nova that restarts is waited for, and the bandwidth stays reserved meanwhile', async () => {
    const rig = new ControllerRig();
    rig.nova.addServer(vm(1), { metadata: { 'drover:priority': 'high' } });
    await rig.start();
    await rig.ask(1);
    await expect.poll(() => rig.ends()).toEqual({ 1: 'running running' });
    rig.nova.silent = true;
    const leases = rig.hosts[0]?.leases ?? new Map();
    leases.clear();
    await expect.poll(() => leases.size).toBe(1);
    expect(await rig.ends()).toEqual({ 1: 'running running' });
    rig.nova.silent = false;
    rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    await expect.poll(() => rig.ends()).toEqual({ 1: 'completed completed' });
  });

  it('force_complete by hand is taken down, and Nova is not asked for it again', async () => {
    const rig = new ControllerRig();
    rig.nova.addServer(vm(1), { metadata: { 'drover:priority': 'high' } });
    const [source] = rig.hosts;
    if (source) Object.assign(source, { workloadBitsPerSecond: { tx: 450e6, rx: 0 }, vmUuids: [vm(1)] });
    await rig.start();
    await rig.ask(1);
    expect((await rig.store.newest(1))[0]?.decision?.technique).toBe('hybrid-copy');
    await expect.poll(async () => (await rig.store.newest(1))[0]?.novaMigrationId).toBe(1);
    rig.controller.serverChanged({ serverId: vm(1), kind: 'force-complete', novaMigrationId: 1, token: 'good' });
    await expect.poll(() => rig.events(1)).toContain('forced-by-hand');
    const passes = [1, 2].map((pass) => ({ pass, atMs: Date.now() }));
    source?.show([sourceView(1, { passes })]);
    const asked = rig.nova.asked(vm(1));
    await expect.poll(() => rig.nova.asked(vm(1))).toBeGreaterThan(asked + 1);
    expect(rig.nova.forced).toEqual([]);
    source?.show([sourceView(1, { passes, status: 'post-copy', postCopyAtMs: Date.now() })]);
    await expect.poll(() => rig.ends()).toEqual({ 1: 'post-copy post-copy' });
    rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    await expect.poll(() => rig.ends()).toEqual({ 1: 'completed completed' });
  });

  it('an answer of Nova’s that says only that it failed is no refusal: it is looked for', async () => {
    const rig = new ControllerRig();
    rig.nova.addServer(vm(1), { metadata: { 'drover:priority': 'high' } });
    rig.nova.outcome = { status: 500, text: 'MessagingTimeout' };
    rig.nova.takesSilently = true;
    await rig.start();
    expect(await rig.ask(1)).toMatchObject({ kind: 'answered', answer: { status: 500 } });
    await expect.poll(() => rig.ends()).toEqual({ 1: 'running running' });
    expect(rig.nova.issued).toHaveLength(1);
  });
});
