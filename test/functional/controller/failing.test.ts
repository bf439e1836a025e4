import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Controller } from '../../../plugin/controller/run.ts';
import { Store } from '../../../plugin/controller/store/store.ts';
import { PolicyFiles } from '../../../plugin/policy/watch.ts';
import type { UpstreamAnswer, Verdict } from '../../../plugin/proxy/live-migrate.ts';
import { Tracker } from '../../../plugin/tracker/tracker.ts';
import { HostDouble, liveMigrateRequest, NovaDouble, vm } from './doubles.ts';

const SEED = join(import.meta.dirname, '../../../policies/seed.yaml');
const WITHIN_MS = 300;
/** Where nothing hangs: nothing goes past Drover because the machine is busy. */
const PATIENT_MS = 30_000;
const WINDOW_MS = 1000;
const ACCEPTED: UpstreamAnswer = { status: 202, statusMessage: 'Accepted', rawHeaders: [], body: Buffer.alloc(0) };

let folder = '';
let nova: NovaDouble;
let hosts: [HostDouble, HostDouble];
let store: Store;
let tracker: Tracker;
let stop: () => Promise<void> = async () => {};

async function start(handleWithinMs = PATIENT_MS, calls = nova.calls()): Promise<Controller> {
  const log = pino({ level: 'silent' });
  store = new Store(join(folder, 'drover.db'));
  await store.start();
  const policy = new PolicyFiles(SEED);
  await policy.start();
  let hostChanged: (host: string) => void = () => {};
  tracker = new Tracker(hosts, log, (host) => hostChanged(host));
  tracker.start();
  const parts = { store, tracker, policy, nova: calls, liveMigrateRoles: ['admin'], log, handleWithinMs };
  const controller = new Controller(parts);
  hostChanged = (host) => controller.hostChanged(host);
  await expect.poll(() => [...tracker.hosts.values()].every((host) => host.sample !== null)).toBe(true);
  await controller.start();
  stop = async () => {
    await controller.stop();
    await tracker.stop();
    await policy.stop();
    await store.stop();
  };
  return controller;
}

function ask(controller: Controller, n: number, took: (vmUuid: string) => UpstreamAnswer = take): Promise<Verdict> {
  const request = liveMigrateRequest(n);
  let answer: Promise<UpstreamAnswer> | null = null;
  // As the proxy's: the same promise at every call.
  const forward = () => {
    answer ??= Promise.resolve(took(vm(n)));
    return answer;
  };
  return controller.handle(request, forward);
}

function take(vmUuid: string): UpstreamAnswer {
  nova.take(vmUuid, 'caller');
  return ACCEPTED;
}

/** A store whose named call fails, or hangs, until the function given back is called. */
function broken(call: 'add' | 'transition', how: 'fails' | 'hangs', states: string[] = []): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  let over = false;
  const real = store[call].bind(store) as (...args: unknown[]) => Promise<never>;
  Object.assign(store, {
    [call]: async (...args: unknown[]) => {
      const meant = states.length === 0 || states.includes(String(args[1]));
      if (meant && !over && how === 'fails') throw new Error('database or disk is full');
      if (meant && !over) await promise;
      return real(...args);
    },
  });
  return () => {
    over = true;
    resolve();
  };
}

async function states(): Promise<Record<string, string>> {
  return Object.fromEntries((await store.newest(10)).map((record) => [record.vmUuid.slice(-1), record.state]));
}

function finish(n: number): void {
  nova.set(vm(n), { phase: 'completed', status: 'completed' });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-failing-'));
  nova = new NovaDouble();
  for (const n of [1, 2]) nova.addServer(vm(n), { metadata: { 'drover:priority': n === 1 ? 'high' : 'low' } });
  hosts = [new HostDouble('compute-1'), new HostDouble('compute-2')];
  hosts[0].vmUuids = [1, 2].map(vm);
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

describe('A step that fails', () => {
  it.each([
    ['before it is reserved', ['reserving']],
    ['before Nova is asked', ['submitted']],
    ['at every state', []],
  ])('gives its caller the answer of Nova, once, %s, and is recorded when the store works again', async (_, which) => {
    const controller = await start();
    const works = broken('transition', 'fails', which);
    expect(await ask(controller, 1)).toMatchObject({ kind: 'answered', answer: { status: 202 } });
    await new Promise((resolve) => setTimeout(resolve, 500));
    works();
    await expect.poll(states).toMatchObject({ 1: expect.stringMatching(/submitted|running/) });
    finish(1);
    await expect.poll(states).toEqual({ 1: 'completed' });
    expect(nova.issued).toEqual([expect.objectContaining({ vmUuid: vm(1), by: 'caller' })]);
    await expect.poll(() => hosts[0].leases.size + hosts[1].leases.size).toBe(0);
  });

  it('in the plan itself, over a sample that nobody can read, gives callers the answer of Nova until samples are right', async () => {
    const controller = await start();
    const right = hosts[0].sample.bind(hosts[0]);
    const hostile = {
      get nic(): never {
        throw new Error('a hostile sample');
      },
    };
    hosts[0].sample = async () => Object.defineProperties(await right(), Object.getOwnPropertyDescriptors(hostile));
    const isHostile = () => {
      const sample = tracker.hosts.get('compute-1')?.sample ?? {};
      return Object.getOwnPropertyDescriptor(sample, 'nic')?.get !== undefined;
    };
    await expect.poll(isHostile).toBe(true);
    expect(await ask(controller, 1)).toMatchObject({ kind: 'answered', answer: { status: 202 } });
    expect((await controller.views.events(1)).map(({ reason }) => reason.code)).toContain('plan-failed');
    hosts[0].sample = right;
    await expect.poll(isHostile).toBe(false);
    finish(1);
    await ask(controller, 2);
    finish(2);
    await expect.poll(states).toEqual({ 1: 'completed', 2: 'completed' });
    expect((await store.newest(1))[0]?.decision?.technique).toBeDefined();
    expect(nova.issued).toHaveLength(2);
  });

  it('after its request has gone to Nova does not forget what Nova took', async () => {
    const controller = await start(WITHIN_MS);
    const real = store.transition.bind(store);
    const { promise, resolve } = Promise.withResolvers<void>();
    let hung = false;
    store.transition = async (...args) => {
      if (hung) return real(...args);
      hung = true;
      await promise;
      throw new Error('the database went away');
    };
    expect(await ask(controller, 1)).toMatchObject({ kind: 'answered', answer: { status: 202 } });
    resolve();
    finish(1);
    await expect.poll(states).toEqual({ 1: 'completed' });
    expect(nova.issued).toHaveLength(1);
    expect((await store.newest(1))[0]?.novaMigrationId).toBe(1);
  });

  it.each([
    ['was', true],
    ['was not', false],
  ])(
    'in accepting one, where nobody knows that it %s written: it waits, and its caller is told so',
    async (_, written) => {
      const controller = await start();
      const first = ask(controller, 1);
      const real = store.transition.bind(store);
      let failures = 0;
      store.transition = async (...args) => {
        if (args[1] !== 'queued' || failures > 0) return real(...args);
        failures += 1;
        if (written) await real(...args);
        throw new Error('no answer within 3000 ms');
      };
      const request = liveMigrateRequest(2);
      const asked = controller.handle(request, async () => take(vm(2)), 'handed-over');
      expect(await asked).toMatchObject({ kind: 'accepted' });
      expect(controller.doubtful('handed-over')).toBe(false);
      await first;
      finish(1);
      await expect.poll(() => nova.issued.map(({ by }) => by)).toEqual(['caller', 'service']);
      expect(await states()).toMatchObject({ 2: expect.stringMatching(/submitted|running/) });
    },
  );

  it('puts what was accepted back into the queue, and it is issued once when the store works again', async () => {
    const controller = await start();
    await Promise.all([ask(controller, 1), ask(controller, 2)]);
    const works = broken('transition', 'fails', ['submitted']);
    finish(1);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(nova.issued).toHaveLength(1);
    works();
    await expect.poll(() => nova.issued.map(({ vmUuid, by }) => [vmUuid, by])).toHaveLength(2);
    finish(2);
    await expect.poll(states).toEqual({ 1: 'completed', 2: 'completed' });
    expect(nova.issued.map(({ by }) => by)).toEqual(['caller', 'service']);
  });

  it('does not keep a server from its next migration when only the end cannot be written', async () => {
    const controller = await start();
    await ask(controller, 1);
    const works = broken('transition', 'fails', ['completed']);
    finish(1);
    await expect.poll(() => hosts[0].leases.size + hosts[1].leases.size).toBe(0);
    expect(await ask(controller, 1)).toMatchObject({ kind: 'answered' });
    expect(nova.issued).toHaveLength(2);
    works();
    finish(1);
    await expect
      .poll(async () => (await store.newest(10)).map(({ state }) => state))
      .toEqual(['completed', 'completed']);
  });
});

describe('A call that hangs', () => {
  it('of Keystone or Nova: the request goes to Nova after the batch window and its time, and not again later', async () => {
    const { promise, resolve } = Promise.withResolvers<null>();
    const calls = nova.calls();
    const controller = await start(WITHIN_MS, { ...calls, caller: () => promise });
    const askedAtMs = Date.now();
    expect(await ask(controller, 1)).toMatchObject({ kind: 'answered', answer: { status: 202 } });
    expect(Date.now() - askedAtMs).toBeGreaterThanOrEqual(WINDOW_MS + WITHIN_MS - 10);
    resolve(null);
    await new Promise((done) => setTimeout(done, 1500));
    expect(nova.issued).toHaveLength(1);
    expect(await states()).toEqual({});
  });

  it.each([
    ['add', []],
    ['transition', ['reserving']],
    ['transition', ['submitted']],
  ] as const)(
    'of the store (%s %s): the request goes to Nova once, and is followed when the store goes on',
    async (call, which) => {
      const controller = await start(WITHIN_MS);
      const goesOn = broken(call, 'hangs', [...which]);
      expect(await ask(controller, 1)).toMatchObject({ kind: 'answered', answer: { status: 202 } });
      expect(nova.issued).toHaveLength(1);
      goesOn();
      await expect.poll(states).toMatchObject({ 1: expect.stringMatching(/submitted|running/) });
      finish(1);
      await expect.poll(states).toEqual({ 1: 'completed' });
      expect(nova.issued).toHaveLength(1);
    },
  );

  it('of the store, while a migration is put into the queue: it goes to Nova by its caller and not again later', async () => {
    const controller = await start(WITHIN_MS);
    const first = ask(controller, 1);
    const goesOn = broken('transition', 'hangs', ['queued']);
    expect(await ask(controller, 2)).toMatchObject({ kind: 'answered', answer: { status: 202 } });
    await first;
    goesOn();
    finish(1);
    finish(2);
    await expect.poll(states).toEqual({ 1: 'completed', 2: 'completed' });
    expect(nova.issued.map(({ vmUuid, by }) => `${vmUuid.slice(-1)} ${by}`).sort()).toEqual(['1 caller', '2 caller']);
    expect((await store.newest(10)).map(({ deferred }) => deferred)).toEqual([false, false]);
  });

  it("of Nova's answer itself is waited for: only the decision has a time", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const calls = nova.calls();
    const slow: typeof calls.forwarded = async (forward) => {
      const answer = await forward();
      await promise;
      return { submission: { status: answer.status, text: '' }, answer };
    };
    const controller = await start(WITHIN_MS, { ...calls, forwarded: slow });
    let kind = '';
    const verdict = ask(controller, 1).then((given) => {
      kind = given.kind;
    });
    await new Promise((done) => setTimeout(done, WINDOW_MS + 3 * WITHIN_MS));
    expect(kind).toBe('');
    resolve();
    await verdict;
    expect(kind).toBe('answered');
    expect(nova.issued).toHaveLength(1);
  });
});

describe('Nova’s earlier migrations', () => {
  it('are not taken for the one that was just asked for, however close they lie', async () => {
    const controller = await start();
    for (let n = 1; n <= 2; n += 1) {
      await ask(controller, 1);
      nova.set(vm(1), { phase: n === 1 ? 'failed' : 'completed', status: n === 1 ? 'error' : 'completed' });
      await expect.poll(async () => (await store.unfinished()).length).toBe(0);
    }
    const records = await store.newest(10);
    expect(records.map(({ state, novaMigrationId }) => [state, novaMigrationId])).toEqual([
      ['completed', 2],
      ['failed', 1],
    ]);
  });
});
