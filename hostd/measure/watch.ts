import type { Logger } from 'pino';
import type { MigrationsAnswer, MigrationView } from '../contract.ts';
import { describeError } from '../errors.ts';
import type { Virsh } from '../libvirt/virsh.ts';
import { isIncoming } from './domain.ts';
import type { Domains } from './domains.ts';
import { parseEventLine } from './events.ts';
import { Follower } from './follow.ts';
import { parseJobInfo } from './job.ts';
import { followMigration, forgetEnded, isOpen, type MigrationSignal } from './migrations.ts';

const POLL_MS = 300;

/** Follows the migrations of this host: libvirt's and QEMU's events, and domjobinfo while one runs from here. */
export class MigrationWatch {
  readonly #virsh: Virsh;
  readonly #domains: Domains;
  readonly #log: Logger;
  readonly #followers: Follower[];
  readonly #onPoll: (view: MigrationView) => void;
  #views: readonly MigrationView[] = [];
  #revision = 0;
  readonly #listeners = new Set<() => void>();
  /** Events are worked off one after the other: one may have to wait for a name to be looked up. */
  #queue: Promise<void> = Promise.resolve();
  /** The job-completed event that is being read. */
  #totals: { domain: string; text: string } | null = null;
  #polling = new Set<string>();
  #stopped = false;

  /** `onPoll` is called about three times a second for each migration that runs from here. */
  constructor(virsh: Virsh, domains: Domains, log: Logger, onPoll: (view: MigrationView) => void = () => undefined) {
    this.#virsh = virsh;
    this.#domains = domains;
    this.#log = log;
    this.#onPoll = onPoll;
    const onLine = (line: string) => {
      const nowMs = Date.now();
      this.#enqueue(() => this.#line(line, nowMs));
    };
    const onStart = () => this.#enqueue(() => this.#resync());
    const follow = (...args: string[]) =>
      new Follower({ file: 'virsh', args: ['-q', '-c', virsh.uri, ...args], onLine, onStart }, log);
    this.#followers = [follow('event', '--all', '--loop'), follow('qemu-monitor-event', '--loop')];
  }

  start(): void {
    for (const follower of this.#followers) follower.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const follower of this.#followers) follower.stop();
    for (const listener of [...this.#listeners]) listener();
    await this.#queue;
  }

  /** Null while both streams of events run. */
  problem(): string | null {
    return this.#followers.every((follower) => follower.running)
      ? null
      : 'virsh event does not run: migrations are not followed. Is libvirtd running?';
  }

  views(): readonly MigrationView[] {
    return this.#views;
  }

  /** Answers at once if something changed after revision `after`, else at the next change or after `waitMs`. */
  async answer(after: number, waitMs: number, signal: AbortSignal): Promise<MigrationsAnswer> {
    if (this.#revision === after && waitMs > 0 && !this.#stopped) await this.#change(waitMs, signal);
    this.#replace(forgetEnded(this.#views, Date.now()));
    return { revision: this.#revision, nowMs: Date.now(), migrations: [...this.#views] };
  }

  /** `listener` is called at every change (and when the watch ends) until the function given back is called. */
  subscribe(listener: () => void): () => void {
    // A function of its own: the same one may listen twice, and each ends by itself.
    const own = () => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  #change(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        unsubscribe();
        resolve();
      };
      const timer = setTimeout(wake, waitMs);
      signal.addEventListener('abort', wake);
      const unsubscribe = this.subscribe(wake);
    });
  }

  #enqueue(task: () => Promise<void>): void {
    this.#queue = this.#queue.then(task).catch((error) => {
      this.#log.error({ error: describeError(error) }, 'Cannot work off an event of libvirt');
    });
  }

  async #line(line: string, nowMs: number): Promise<void> {
    const event = parseEventLine(line);
    if (event === null) return this.#continueTotals(line, nowMs);
    // The two streams are read in turns: only libvirt's next event ends the one before.
    if (event.kind !== 'qemu') this.#totals = null;
    if (event.kind === 'other') {
      if (event.event === 'device-added' || event.event === 'device-removed') {
        this.#domains.forgetXml(event.domain);
        await this.#domains.refresh();
      }
      if (event.event === 'job-completed') this.#totals = { domain: event.domain, text: '' };
      return;
    }
    const begins = event.kind === 'qemu' && event.event === 'MIGRATION';
    const vmUuid = await this.#identify(event.domain, nowMs, begins);
    if (vmUuid === null) return;
    const base = { vmUuid, domain: event.domain };
    if (event.kind === 'qemu') {
      const at = { ...base, atMs: event.atMs };
      const data = (event.data ?? {}) as { status?: string; pass?: number };
      if (event.event === 'MIGRATION' && data.status) this.#signal({ ...at, type: 'status', status: data.status });
      if (event.event === 'MIGRATION_PASS' && data.pass) this.#signal({ ...at, type: 'pass', pass: data.pass });
      if (event.event === 'STOP') this.#signal({ ...at, type: 'stop' });
      if (event.event === 'RESUME') this.#signal({ ...at, type: 'resume' });
      return;
    }
    const at = { ...base, atMs: nowMs };
    this.#log.debug({ ...base, event: event.event, detail: event.detail }, 'Lifecycle event');
    if (event.event === 'Started' && event.detail === 'Migrated') this.#signal({ ...at, type: 'incoming' });
    if (event.event === 'Stopped' || event.event === 'Crashed') {
      this.#signal({ ...at, type: 'gone', migrated: event.detail === 'Migrated' });
    }
    this.#domains.refreshSoon();
  }

  /** A job-completed event goes on over several lines, one figure each, up to the page size and the disk's figures. */
  #continueTotals(line: string, atMs: number): void {
    const totals = this.#totals;
    const vmUuid = totals === null ? null : this.#domains.uuidOf(totals.domain);
    if (totals === null || vmUuid === null || !/^\s/.test(line)) return;
    totals.text += `${line}\n`;
    if (!line.includes('memory_page_size')) return;
    const job = parseJobInfo(totals.text);
    if (job.operation === 'outgoing') this.#signal({ type: 'totals', vmUuid, domain: totals.domain, atMs, job });
    this.#totals = null;
  }

  /** A domain that is met first in a migration, or while it waits for its guest, is the destination of one. */
  async #identify(name: string, atMs: number, begins: boolean): Promise<string | null> {
    const known = this.#domains.uuidOf(name);
    const listed = this.#domains.list().some((domain) => domain.uuid === known);
    if (known !== null && (listed || this.#views.some((view) => view.vmUuid === known && isOpen(view)))) return known;
    await this.#domains.refresh();
    const found = this.#domains.list().find((domain) => domain.name === name);
    if (found !== undefined && (begins || isIncoming(found))) {
      this.#signal({ type: 'incoming', vmUuid: found.uuid, domain: name, atMs });
    }
    return found?.uuid ?? known;
  }

  /** After a start, of hostd or of libvirtd: look instead of waiting for events that are over. */
  async #resync(): Promise<void> {
    this.#domains.forgetAllXml();
    await this.#domains.refresh();
    if (this.#domains.problem !== null) return;
    const domains = this.#domains.list();
    for (const domain of domains) await this.#pollJob(domain.uuid, domain.name, true);
    for (const { vmUuid, domain } of this.#views.filter(isOpen)) {
      if (domains.some(({ uuid }) => uuid === vmUuid)) continue;
      this.#signal({ vmUuid, domain, atMs: Date.now(), type: 'gone', migrated: false });
    }
  }

  #signal(signal: MigrationSignal): void {
    if (signal.type !== 'job') this.#log.debug({ signal }, 'Migration signal');
    this.#replace(followMigration(this.#views, signal));
    for (const view of this.#views) {
      if (view.role === 'source' && isOpen(view)) void this.#poll(view.vmUuid, view.domain);
    }
  }

  #replace(views: readonly MigrationView[]): void {
    if (views === this.#views) return;
    this.#views = views;
    this.#revision += 1;
    for (const listener of [...this.#listeners]) listener();
  }

  async #poll(vmUuid: string, domain: string): Promise<void> {
    if (this.#polling.has(vmUuid)) return;
    this.#polling.add(vmUuid);
    for (;;) {
      const view = this.#views.find((each) => each.vmUuid === vmUuid && each.role === 'source' && isOpen(each));
      if (view === undefined || this.#stopped) break;
      this.#onPoll(view);
      await this.#pollJob(vmUuid, domain, false);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    this.#polling.delete(vmUuid);
  }

  async #pollJob(vmUuid: string, domain: string, discover: boolean): Promise<void> {
    try {
      const text = await this.#virsh.one('domjobinfo', vmUuid, '--rawstats');
      this.#signal({ type: 'job', vmUuid, domain, atMs: Date.now(), job: parseJobInfo(text), discover });
    } catch (error) {
      // The domain is gone from the source the moment its migration ends.
      this.#log.debug({ domain, error: describeError(error) }, 'domjobinfo gave no answer');
    }
  }
}
