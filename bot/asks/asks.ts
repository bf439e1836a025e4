import type { ProgressReport } from 'drover-plugin/contract';
import type { Along, Journal } from '../journal/journal.ts';
import { type Ask, hasEnded } from './ask.ts';
import { linesOf } from './lines.ts';
import { type Happening, next } from './next.ts';

/** What ended so recently is still shown and may be clicked. */
const KEPT_IN_MEMORY_MS = 3600_000;
/** After a restart: messages of what ended since then may not say so yet. */
const LOOK_BACK_MS = 24 * 3600_000;

/**
 * All asks that run, and those that ended lately. Each change is on disk before anybody sees it; changes of one ask come
 * one after the other.
 */
export class Asks {
  readonly #journal: Journal;
  readonly #asks = new Map<string, Ask>();
  readonly #queues = new Map<string, Promise<unknown>>();
  /** Which ask and server a migration belongs to. */
  readonly #migrations = new Map<number, string>();
  #stopped = false;
  /** Called after each change that is on disk (not for what is only measured or planned anew); `before` null: it is new, or was read after a restart. */
  changed: (ask: Ask, before: Ask | null) => void = () => {};

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  async load(nowMs: number): Promise<void> {
    for (const ask of await this.#journal.openAsks(nowMs - LOOK_BACK_MS)) {
      this.#remember(ask);
      this.changed(ask, null);
    }
  }

  /** What has begun is written down; nothing happens to any ask after this. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#queues.values());
  }

  /** Those in memory. */
  all(): Ask[] {
    return [...this.#asks.values()];
  }

  running(): Ask[] {
    return this.all().filter((ask) => !hasEnded(ask));
  }

  get(id: string): Ask | null {
    return this.#asks.get(id) ?? null;
  }

  /** From the disk, if it ended long ago. */
  async find(id: string): Promise<Ask | null> {
    return this.get(id) ?? (await this.#journal.ask(id));
  }

  ofMigration(id: number): Ask | null {
    return this.get(this.#migrations.get(id) ?? '');
  }

  async add(ask: Ask, along: Along): Promise<void> {
    await this.#journal.keep(null, ask, along);
    this.#remember(ask);
    this.changed(ask, null);
  }

  /**
   * Lets something happen to an ask. Gives it as it is then, and whether that changed anything; null: there is no such
   * ask, or it ended long ago.
   */
  happen(id: string, happening: Happening, along: Along = {}): Promise<{ ask: Ask; changed: boolean } | null> {
    const before = this.#queues.get(id) ?? Promise.resolve();
    const done = before.then(async () => {
      const ask = this.#asks.get(id);
      if (!ask || this.#stopped) return null;
      const nowMs = Date.now();
      const after = next(ask, happening, nowMs);
      // What brought it about is not done: somebody may have to be told that it came too late.
      if (after === ask) return { ask, changed: false };
      const events = happening.kind === 'news' ? happening.events : [];
      const lines = linesOf(ask, after, events);
      const passing = isPassing(ask, after, happening);
      if (!passing) await this.#journal.keep(ask, after, { ...along, lines });
      // What it is at now is only in memory, and may be newer than what the change began with.
      const progress = new Map(this.#asks.get(id)?.vms.map((vm) => [vm.id, vm.progress]));
      for (const vm of after.vms) vm.progress ??= vm.migration?.endedAtMs ? null : (progress.get(vm.id) ?? null);
      this.#remember(after);
      if (!passing) this.changed(after, ask);
      return { ask: after, changed: true };
    });
    const settled = done.catch(() => {});
    this.#queues.set(id, settled);
    void settled.then(() => {
      if (this.#queues.get(id) === settled) this.#queues.delete(id);
    });
    return done;
  }

  /** What runs, as it is now: of no interest later, so it is not written down. Gives the asks that it concerns. */
  progressed(reports: readonly ProgressReport[]): Ask[] {
    const concerned = new Set<Ask>();
    for (const report of reports) {
      const ask = this.ofMigration(report.migrationId);
      const vm = ask?.vms.find(({ migration }) => migration?.id === report.migrationId);
      if (!ask || !vm) continue;
      vm.progress = report;
      concerned.add(ask);
    }
    return [...concerned];
  }

  tidy(nowMs: number): void {
    for (const ask of this.all()) {
      if (ask.endedAtMs === null || nowMs - ask.endedAtMs < KEPT_IN_MEMORY_MS) continue;
      this.#asks.delete(ask.id);
      for (const { migration } of ask.vms) if (migration) this.#migrations.delete(migration.id);
    }
  }

  #remember(ask: Ask): void {
    this.#asks.set(ask.id, ask);
    for (const { migration } of ask.vms) if (migration) this.#migrations.set(migration.id, ask.id);
  }
}

/** Only what is planned or measured has changed: it is read anew after a restart, and so often that no disk wants it. */
function isPassing(before: Ask, after: Ask, { kind }: Happening): boolean {
  if (kind !== 'news' || after.state !== before.state) return false;
  return after.vms.every((vm, index) => {
    const old = before.vms[index];
    return vm.migration?.state === old?.migration?.state && vm.toldEvent === old?.toldEvent;
  });
}
