import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import { Controller, type ControllerParts } from '../../../plugin/controller/run.ts';
import { Store } from '../../../plugin/controller/store/store.ts';
import { PolicyFiles } from '../../../plugin/policy/watch.ts';
import type { LiveMigrateRequest, Verdict } from '../../../plugin/proxy/live-migrate.ts';
import { Tracker } from '../../../plugin/tracker/tracker.ts';
import { putPolicy } from '../../policy-file.ts';
import { HostDouble, liveMigrateRequest, NovaDouble, vm } from './doubles.ts';

const SEED = join(import.meta.dirname, '../../../policies/seed.yaml');

/** A controller between a Nova and two or three hosts in memory, with a real database. */
export class ControllerRig {
  readonly nova = new NovaDouble();
  readonly hosts: HostDouble[];
  readonly #folder = mkdtempSync(join(tmpdir(), 'drover-controller-'));
  readonly #policy: string;
  #running: { controller: Controller; store: Store; tracker: Tracker; stop(): Promise<void> } | null = null;

  readonly #parts: Partial<ControllerParts>;

  /** `policy` is put behind the shipped one, without its batch window; `parts` go to the controller. */
  constructor(policy = '', hostNames = ['compute-1', 'compute-2'], parts: Partial<ControllerParts> = {}) {
    this.#parts = parts;
    this.hosts = hostNames.map((name) => new HostDouble(name));
    this.#policy = join(this.#folder, 'policy.yaml');
    const seed = readFileSync(SEED, 'utf8');
    expect(seed).toContain('batchWindow: 1 s');
    putPolicy(this.#policy, `${seed.replace('batchWindow: 1 s', 'batchWindow: 50 ms')}\n${policy}\n`);
    onTestFinished(async () => {
      await this.stop();
      rmSync(this.#folder, { recursive: true });
    });
  }

  get controller(): Controller {
    if (!this.#running) throw new Error('the controller does not run');
    return this.#running.controller;
  }

  get store(): Store {
    if (!this.#running) throw new Error('the controller does not run');
    return this.#running.store;
  }

  async start(): Promise<Controller> {
    const log = pino({ level: 'silent' });
    const store = await this.openStore();
    const policy = new PolicyFiles(this.#policy);
    await policy.start();
    expect(policy.status.refused).toBeNull();
    let hostChanged: (host: string) => void = () => {};
    const tracker = new Tracker(this.hosts, log, (host) => hostChanged(host));
    tracker.start();
    const parts = { store, tracker, policy, nova: this.nova.calls(), log };
    const controller = new Controller({ ...parts, liveMigrateRoles: ['admin', 'manager'], ...this.#parts });
    hostChanged = (host) => controller.hostChanged(host);
    await expect.poll(() => [...tracker.hosts.values()].every((host) => host.sample !== null)).toBe(true);
    await controller.start();
    this.#running = {
      controller,
      store,
      tracker,
      async stop() {
        await controller.stop();
        await tracker.stop();
        await policy.stop();
        await store.stop();
      },
    };
    return controller;
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = null;
  }

  /** The database alone, to put there what an earlier run left. */
  async openStore(): Promise<Store> {
    const store = new Store(join(this.#folder, 'drover.db'));
    await store.start();
    return store;
  }

  /** Asks for a migration of the n-th server as its caller. */
  ask(n: number, change: Partial<LiveMigrateRequest> = {}): Promise<Verdict> {
    const request = liveMigrateRequest(n, change);
    return this.controller.handle(request, async () => {
      const outcome = this.nova.take(vm(n), 'caller');
      if (typeof outcome === 'string') throw new Error(outcome);
      return { status: outcome.status, statusMessage: '', rawHeaders: [], body: Buffer.from(outcome.text) };
    });
  }

  /** State and code of each migration, by the number of its server. */
  async ends(): Promise<Record<number, string>> {
    const records = await this.store.newest(100);
    return Object.fromEntries(
      records.map(({ vmUuid, state, stateReason }) => [Number(vmUuid.slice(-2)), `${state} ${stateReason?.code}`]),
    );
  }

  async events(n: number): Promise<string[]> {
    const record = (await this.store.newest(100)).find(({ vmUuid }) => vmUuid === vm(n));
    return record ? (await this.store.events(record.id)).map(({ reason }) => reason.code) : [];
  }
}
