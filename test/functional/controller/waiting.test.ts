import { describe, expect, it } from 'vitest';
import { overlayId } from '../../../plugin/proxy/overlay/identity.ts';
import { vm } from './doubles.ts';
import { ControllerRig } from './rig.ts';

/** A window that opens half a day from now: everything waits. */
function closedWindow(): string {
  const at = (ms: number) => new Date(Date.now() + 12 * 3_600_000 + ms).toISOString().slice(11, 16);
  return `windows: [{ priority: low, from: "${at(0)}", to: "${at(60_000)}", timeZone: UTC }]`;
}

const LOW = { metadata: { 'drover:priority': 'low' } };
const HIGH = { metadata: { 'drover:priority': 'high' } };
const other = (n: number) => ({ serverId: vm(n), kind: 'other' as const, novaMigrationId: null, token: 'good' });

/** What is done to each server while its migration waits, and how that ends. */
const DONE: Record<number, { change: object | null; ends: string; asManager?: true; host?: null }> = {
  2: { change: null, ends: 'aborted server-gone' },
  3: { change: { taskState: 'deleting' }, ends: 'aborted server-gone' },
  4: { change: { status: 'SHUTOFF' }, ends: 'aborted server-state' },
  5: { change: { locked: true }, ends: 'aborted server-locked', asManager: true },
  6: { change: { taskState: 'rebooting' }, ends: 'queued server-busy' },
  7: { change: { status: 'VERIFY_RESIZE' }, ends: 'aborted server-state' },
  8: { change: { host: 'compute-2' }, ends: 'aborted already-there' },
  9: { change: { host: 'compute-2' }, ends: 'aborted already-moved', host: null },
  10: { change: { host: 'compute-3' }, ends: 'queued source-changed' },
};

function rigWithServers(policy: string): ControllerRig {
  const rig = new ControllerRig(policy, ['compute-1', 'compute-2', 'compute-3']);
  for (const n of Object.keys(DONE)) rig.nova.addServer(vm(Number(n)), LOW);
  return rig;
}

async function askForAll(rig: ControllerRig): Promise<void> {
  const asked = Object.entries(DONE).map(([n, { asManager, host }]) =>
    rig.ask(Number(n), { ...(asManager ? { token: 'manager' } : {}), ...(host === null ? { host } : {}) }),
  );
  expect((await Promise.all(asked)).map(({ kind }) => kind)).toEqual(asked.map(() => 'accepted'));
}

function doIt(rig: ControllerRig): void {
  for (const [n, { change }] of Object.entries(DONE)) {
    const server = rig.nova.servers.get(vm(Number(n)));
    if (change === null) rig.nova.servers.delete(vm(Number(n)));
    else if (server) Object.assign(server, change);
  }
}

const ENDS = Object.fromEntries(Object.entries(DONE).map(([n, { ends }]) => [n, ends]));

describe('what is done to a server while its migration waits', () => {
  it('is respected promptly where its request passed through the proxy', async () => {
    const rig = rigWithServers(closedWindow());
    await rig.start();
    await askForAll(rig);
    doIt(rig);
    for (const n of Object.keys(DONE)) rig.controller.serverChanged(other(Number(n)));
    // One that was planned anew waits for its window again.
    await expect.poll(() => rig.ends()).toEqual({ ...ENDS, 10: expect.stringMatching(/^queued/) });
    expect(await rig.events(10)).toContain('source-changed');
    expect((await rig.store.newest(100)).find(({ vmUuid }) => vmUuid === vm(10))?.source).toBe('compute-3');
    expect(rig.nova.issued).toEqual([]);

    // The task is over: it waits as before, and is the only one that still does with the one that moved.
    Object.assign(rig.nova.servers.get(vm(6)) ?? {}, { taskState: null });
    await expect.poll(async () => (await rig.ends())[6]).toBe('queued window');
  });

  it('is respected at its turn where nobody saw it', async () => {
    const rig = rigWithServers('');
    rig.nova.addServer(vm(1), HIGH);
    await rig.start();
    const first = rig.ask(1);
    await askForAll(rig);
    await first;
    doIt(rig);
    rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    await expect.poll(() => rig.ends()).toMatchObject({ ...ENDS, 10: expect.not.stringMatching(/^queued/) });
    // Only the one that went to a third host went on, from there.
    expect(rig.nova.issued.map(({ vmUuid }) => vmUuid)).toEqual([vm(1), vm(10)]);
    expect(rig.hosts[2]?.leases.size).toBe(1);
  });

  it('does not end an administrator’s for a lock, as Nova would not refuse it either', async () => {
    const rig = new ControllerRig('');
    rig.nova.addServer(vm(1), HIGH);
    rig.nova.addServer(vm(2), LOW);
    await rig.start();
    await Promise.all([rig.ask(1), rig.ask(2)]);
    Object.assign(rig.nova.servers.get(vm(2)) ?? {}, { locked: true });
    rig.controller.serverChanged(other(2));
    rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    await expect.poll(() => rig.nova.issued.map(({ vmUuid }) => vmUuid)).toEqual([vm(1), vm(2)]);
  });

  it('does not end it because Nova does not answer; it goes on when Nova does', async () => {
    const rig = new ControllerRig('');
    rig.nova.addServer(vm(1), HIGH);
    rig.nova.addServer(vm(2), LOW);
    await rig.start();
    await Promise.all([rig.ask(1), rig.ask(2)]);
    rig.nova.silent = true;
    rig.controller.serverChanged(other(2));
    await expect.poll(() => rig.ends()).toMatchObject({ 2: 'queued nova-unreachable' });
    rig.nova.silent = false;
    rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    await expect.poll(() => rig.nova.issued.map(({ vmUuid }) => vmUuid)).toEqual([vm(1), vm(2)]);
  });

  it('that makes Nova refuse it in the last moment is its reason', async () => {
    const rig = new ControllerRig('');
    rig.nova.addServer(vm(1), HIGH);
    rig.nova.addServer(vm(2), LOW);
    await rig.start();
    await Promise.all([rig.ask(1), rig.ask(2)]);
    rig.nova.outcome = { status: 409, text: 'busy' };
    rig.nova.beforeSubmission = () => Object.assign(rig.nova.servers.get(vm(2)) ?? {}, { status: 'SHUTOFF' });
    rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    await expect.poll(() => rig.ends()).toMatchObject({ 2: 'aborted server-state' });
  });
});

describe('one that waits, in Nova’s own lists', () => {
  it('is shown from its 202 to Nova’s own record, and aborted once', async () => {
    const rig = new ControllerRig(closedWindow());
    rig.nova.addServer(vm(1), { ...LOW, node: 'node-1' });
    await rig.start();
    const { migrations } = rig.controller;
    const asked = rig.ask(1);
    expect(await migrations.waiting(null)).toEqual([]);
    await asked;
    const [shown, ...more] = await migrations.waiting(vm(1));
    expect(more).toEqual([]);
    expect(shown).toMatchObject({ id: 1, vmUuid: vm(1), source: 'compute-1', destination: 'compute-2', asked: false });
    expect(shown).toMatchObject({ userId: 'user', projectId: 'project', sourceNode: 'node-1' });
    expect(await migrations.waiting(vm(2))).toEqual([]);

    expect(await Promise.all([migrations.abort(1, 'good'), migrations.abort(1, 'good')])).toEqual([true, false]);
    expect(await rig.ends()).toEqual({ 1: 'aborted aborted-while-queued' });
    expect((await rig.store.events(1)).at(-1)?.reason.text).toContain('user user');
    expect(await migrations.waiting(null)).toEqual([]);
    expect(await migrations.novaId(1, vm(1))).toBeNull();
    // As Nova keeps one that was aborted in its queue.
    const [kept, ...others] = await migrations.ended();
    expect(others).toEqual([]);
    expect(kept).toMatchObject({ id: 1, vmUuid: vm(1), status: 'cancelled', createdAtMs: shown?.createdAtMs });
    expect(kept?.updatedAtMs).toBeGreaterThanOrEqual(kept?.createdAtMs ?? Number.NaN);
    expect(await rig.ask(1)).toMatchObject({ kind: 'accepted' });
  });

  it('is either aborted or started, never both, however close the two are', async () => {
    for (const afterMs of [0, 5, 15]) {
      const rig = new ControllerRig('');
      rig.nova.addServer(vm(1), HIGH);
      rig.nova.addServer(vm(2), LOW);
      await rig.start();
      await Promise.all([rig.ask(1), rig.ask(2)]);
      rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
      await expect.poll(async () => (await rig.ends())[1], { interval: 5 }).toMatch(/^completed/);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const aborted = await rig.controller.migrations.abort(2, 'good');
      await expect.poll(async () => (await rig.ends())[2]).toMatch(/^(aborted|running)/);
      expect(rig.nova.issued.filter(({ vmUuid }) => vmUuid === vm(2))).toHaveLength(aborted ? 0 : 1);
      await rig.stop();
    }
  });

  it('that Nova refused in the end is kept as one in error, and no other is', async () => {
    const rig = new ControllerRig('');
    rig.nova.addServer(vm(1), HIGH);
    rig.nova.addServer(vm(2), LOW);
    const controller = await rig.start();
    await Promise.all([rig.ask(1), rig.ask(2)]);
    rig.nova.outcome = { status: 400, text: 'no' };
    rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    await expect.poll(() => controller.migrations.ended()).toHaveLength(1);
    expect(await controller.migrations.ended()).toMatchObject([{ id: 2, status: 'error' }]);
  });

  it('is kept where Nova’s record has taken its place', async () => {
    const rig = new ControllerRig('');
    for (const [n, priority] of [HIGH, LOW].entries()) rig.nova.addServer(vm(n + 1), priority);
    const controller = await rig.start();
    await Promise.all([rig.ask(1), rig.ask(2)]);
    rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    await expect.poll(() => controller.migrations.novaId(2, vm(2))).toBe(2);
    expect(await controller.migrations.novaId(2, vm(1))).toBeNull();
    expect(await controller.migrations.waiting(null)).toEqual([]);
    expect(overlayId(2)).toBe(2_000_000_002);
  });
});

describe('a server whose migration waits is to be seen as migrating', () => {
  it('from the caller’s 202 until Nova’s own record of it is known', async () => {
    const rig = new ControllerRig('');
    rig.nova.addServer(vm(1), HIGH);
    rig.nova.addServer(vm(2), LOW);
    const { migrations } = await rig.start();
    expect(migrations.migrating()).toEqual(new Set());
    await Promise.all([rig.ask(1), rig.ask(2)]);
    expect(migrations.migrating()).toEqual(new Set([vm(2)]));
    // Nova is asked, but has made no record yet.
    const found = Promise.withResolvers<void>();
    rig.nova.beforeFind = (vmUuid) => (vmUuid === vm(2) ? found.promise : Promise.resolve());
    rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    await expect.poll(() => rig.nova.issued.length).toBe(2);
    expect(migrations.migrating()).toEqual(new Set([vm(2)]));
    found.resolve();
    await expect.poll(() => migrations.migrating().size).toBe(0);
    expect(await migrations.novaId(2, vm(2))).toBe(2);
  });

  it('and not where it is only to begin at a later time that was asked for', async () => {
    const rig = new ControllerRig('');
    for (const n of [1, 2]) rig.nova.addServer(vm(n), LOW);
    const controller = await rig.start();
    const asker = { name: 'bot', role: 'operate', keystone: null } as const;
    const notBeforeAtMs = Date.now() + 3_600_000;
    await controller.ask({ vm: vm(1), destination: 'compute-2', notBeforeAtMs }, asker, null);
    expect(await controller.migrations.waiting(null)).toHaveLength(1);
    expect(controller.migrations.migrating()).toEqual(new Set());
  });
});

describe('a second live migration of a server', () => {
  it('is refused while the first waits', async () => {
    const rig = new ControllerRig(closedWindow());
    rig.nova.addServer(vm(1), LOW);
    await rig.start();
    await rig.ask(1);
    expect(await rig.ask(1)).toMatchObject({ kind: 'busy' });
  });

  it('that comes as Nova has ended the first, which is not noticed yet, is taken like any other', async () => {
    const rig = new ControllerRig('');
    rig.nova.addServer(vm(1), HIGH);
    await rig.start();
    await rig.ask(1);
    await expect.poll(async () => (await rig.ends())[1]).toMatch(/^running/);
    rig.nova.set(vm(1), { phase: 'completed', status: 'completed' });
    Object.assign(rig.nova.servers.get(vm(1)) ?? {}, { host: 'compute-2' });
    expect(await rig.ask(1, { host: 'compute-1' })).toMatchObject({ kind: 'answered', answer: { status: 202 } });
    const records = await rig.store.newest(10);
    expect(records.map(({ source, destination }) => [source, destination])).toEqual([
      ['compute-2', 'compute-1'],
      ['compute-1', 'compute-2'],
    ]);
  });

  it('is Nova’s to answer where the first goes on for Drover though Nova calls the server free', async () => {
    const rig = new ControllerRig('');
    rig.nova.addServer(vm(1), HIGH);
    await rig.start();
    await rig.ask(1);
    await expect.poll(async () => (await rig.ends())[1]).toMatch(/^running/);
    expect(await rig.ask(1)).toMatchObject({ kind: 'forward' });
    expect(await rig.store.newest(10)).toHaveLength(1);
  });
});

describe('a caller is told to wait', () => {
  it.each([
    ['would refuse it', async () => false, 403],
    [
      'does not say whether it would take it',
      async () => {
        throw new Error('timeout');
      },
      202,
    ],
  ])('only for what Nova would take: where it %s, its own answer is read', async (_name, wouldTake, status) => {
    const rig = new ControllerRig(closedWindow());
    rig.nova.addServer(vm(1), LOW);
    rig.nova.wouldTake = wouldTake;
    rig.nova.outcome = { status, text: 'words of Nova' };
    await rig.start();
    expect(await rig.ask(1)).toMatchObject({ kind: 'answered', answer: { status } });
    await expect.poll(() => rig.ends()).toEqual({ 1: status === 202 ? 'running running' : 'failed nova-refused' });
    expect(await rig.controller.migrations.waiting(null)).toEqual([]);
  });

  it('after Nova was asked about that caller, and one that need not wait without', async () => {
    const rig = new ControllerRig('');
    const asked: string[] = [];
    rig.nova.wouldTake = async (token, vmUuid) => {
      asked.push(`${token} ${vmUuid}`);
      return true;
    };
    rig.nova.addServer(vm(1), HIGH);
    rig.nova.addServer(vm(2), LOW);
    await rig.start();
    const verdicts = await Promise.all([rig.ask(1), rig.ask(2, { token: 'manager' })]);
    expect(verdicts.map(({ kind }) => kind)).toEqual(['answered', 'accepted']);
    expect(asked).toEqual([`manager ${vm(2)}`]);
  });
});
