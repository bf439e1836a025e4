import type { Logger } from 'pino';
import type { MigrationsAnswer, MigrationView } from '../contract.ts';
import { describeError } from '../errors.ts';
import type { Virsh } from '../libvirt/virsh.ts';
import { isIncoming } from './domain.ts';
import type { Domains } from './domains.ts';
import { type HostEvent, parseEventLine } from './events.ts';
import { Follower } from './follow.ts';
import { parseJobInfo } from './job.ts';
import { followMigration, forgetEnded, isOpen, type MigrationSignal } from './migrations.ts';

const POLL_MS = 300;
/** A libvirtd that hangs is noticed after 8 s: probes every 2 s, 3 of which may be missed. */
const KEEPALIVE = ['-k', '2', '-K', '3'];
const READY = 'connected';
/** From virsh's word that it is connected to its registration for events. */
const REGISTERED_MS = 300;
/** After events were missed, libvirt is asked so often how the migrations that ran then go on. */
const LOOK_MS = 3000;

/** Follows the migrations of this host: libvirt's and QEMU's events, and domjobinfo while one runs from here. */
export class MigrationWatch {
  readonly #virsh: Virsh;
  readonly #domains: Domains;
  readonly #log: Logger;
  readonly #followers: Follower[];
  #views: readonly MigrationView[] = [];
  #revision = 0;
  readonly #listeners = new Set<() => void>();
  /** Events are worked off one after the other: one may have to wait for a name to be looked up. */
  #queue: Promise<void> = Promise.resolve();
  /** The job-completed event that is being read. */
  #totals: { domain: string; text: string } | null = null;
  #polling = new Set<string>();
  /** False before libvirt was asked for the migrations that ran already. */
  synced = false;
  /**
   * Migrations (by their VM) that ran while events were missed, so that no event may tell their end any more. True once
   * libvirt's state said that it is over: believed the second time, for the event that says it better may be on its way.
   */
  #doubtful = new Map<string, boolean>();
  #look: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(virsh: Virsh, domains: Domains, log: Logger) {
    this.#virsh = virsh;
    this.#domains = domains;
    this.#log = log;
    const onLine = (line: string) => {
      const nowMs = Date.now();
      this.#enqueue(() => this.#line(line, nowMs));
    };
    const onReady = () => this.#missed();
    // The new line within the quotes is virsh's only way to end a line after `echo`.
    const follow = (command: string) => {
      const args = ['-q', ...KEEPALIVE, '-c', virsh.uri, `echo '${READY}\n'; ${command} --loop`];
      return new Follower({ file: 'virsh', args, readyLine: READY, onLine, onReady }, log);
    };
    this.#followers = [follow('event --all'), follow('qemu-monitor-event')];
  }

  start(): void {
    for (const follower of this.#followers) follower.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#look);
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

  /** The migrations that run from here; null before all of them are known. */
  outgoing(): readonly MigrationView[] | null {
    return this.synced ? this.#views.filter((view) => view.role === 'source' && isOpen(view)) : null;
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
        this.#domains.refreshSoon();
      }
      if (event.event === 'job-completed') this.#totals = { domain: event.domain, text: '' };
      return;
    }
    const begins = event.kind === 'qemu' && event.event === 'MIGRATION';
    const vmUuid = await this.#identify(event.domain, nowMs, begins);
    if (vmUuid === null) return;
    for (const signal of signalsOf(event, vmUuid, nowMs)) this.#signal(signal);
    if (event.kind === 'lifecycle') this.#domains.refreshSoon();
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
    const listed = known !== null && this.#domains.get(known) !== undefined;
    if (listed || this.#views.some((view) => view.vmUuid === known && isOpen(view))) return known;
    await this.#domains.refresh();
    const found = this.#domains.list().find((domain) => domain.name === name);
    if (found !== undefined && (begins || isIncoming(found))) {
      this.#signal({ type: 'incoming', vmUuid: found.uuid, domain: name, atMs });
    }
    return found?.uuid ?? known;
  }

  /** A stream of events begins, again maybe: what happened before it is asked for. */
  #missed(): void {
    for (const view of this.#views.filter(isOpen)) this.#doubtful.set(view.vmUuid, false);
    this.#domains.forgetAllXml();
    this.synced = false;
    this.#lookAfter(REGISTERED_MS);
  }

  #lookAfter(ms: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#look);
    this.#look = setTimeout(() => this.#enqueue(() => this.#lookAtAll()), ms);
  }

  async #lookAtAll(): Promise<void> {
    await this.#domains.refresh();
    if (this.#domains.problem !== null) return this.#lookAfter(LOOK_MS);
    if (!this.synced) {
      // A job without a view is a migration that nobody saw begin.
      const running = this.#domains.list();
      const jobs = await this.#virsh.batch(running.map(({ uuid }) => ['domjobinfo', uuid, '--rawstats']));
      if (jobs.includes(null)) return this.#lookAfter(LOOK_MS);
      for (const [index, { uuid, name }] of running.entries()) {
        const job = parseJobInfo(jobs[index] ?? '');
        const before = this.#views.length;
        this.#signal({ type: 'job', vmUuid: uuid, domain: name, atMs: Date.now(), job, discover: true });
        if (this.#views.length > before) this.#doubtful.set(uuid, false);
      }
      this.synced = true;
    }
    for (const view of this.#views.filter(isOpen)) {
      if (this.#doubtful.has(view.vmUuid)) await this.#lookAt(view);
    }
    for (const vmUuid of this.#doubtful.keys()) {
      if (!this.#views.some((view) => view.vmUuid === vmUuid && isOpen(view))) this.#doubtful.delete(vmUuid);
    }
    if (this.#doubtful.size > 0) this.#lookAfter(LOOK_MS);
  }

  async #lookAt({ vmUuid, domain }: MigrationView): Promise<void> {
    const [job, state] = await this.#virsh.batch([
      ['domjobinfo', vmUuid, '--rawstats'],
      ['domstate', vmUuid, '--reason'],
    ]);
    if (job == null || state == null) return;
    const runs = this.#domains.get(vmUuid) ?? null;
    const look = { runs, shutOff: state.trim(), job: parseJobInfo(job).operation };
    const signal: MigrationSignal = { type: 'look', vmUuid, domain, atMs: Date.now(), look };
    const next = followMigration(this.#views, signal).findLast((view) => view.vmUuid === vmUuid);
    const ends = next !== undefined && !isOpen(next);
    const sure = !ends || this.#doubtful.get(vmUuid) === true;
    this.#doubtful.set(vmUuid, ends);
    if (sure) this.#signal(signal);
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
    const runs = () => this.#views.some((each) => each.vmUuid === vmUuid && each.role === 'source' && isOpen(each));
    while (runs() && !this.#stopped) {
      try {
        const [text] = await this.#virsh.batch([['domjobinfo', vmUuid, '--rawstats']]);
        // The domain is gone from the source the moment its migration ends.
        if (text) {
          const job = parseJobInfo(text);
          this.#signal({ type: 'job', vmUuid, domain, atMs: Date.now(), job, discover: false });
        }
      } catch (error) {
        this.#log.debug({ domain, error: describeError(error) }, 'domjobinfo gave no answer');
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    this.#polling.delete(vmUuid);
  }
}

/** What an event says of a migration. libvirt's events carry no time of their own: that of reading them counts. */
function signalsOf(event: Exclude<HostEvent, { kind: 'other' }>, vmUuid: string, nowMs: number): MigrationSignal[] {
  const base = { vmUuid, domain: event.domain };
  if (event.kind === 'lifecycle') {
    const at = { ...base, atMs: nowMs };
    if (event.event === 'Started' && event.detail === 'Migrated') return [{ ...at, type: 'incoming' }];
    if (event.event !== 'Stopped' && event.event !== 'Crashed') return [];
    return [{ ...at, type: 'gone', migrated: event.detail === 'Migrated' }];
  }
  const at = { ...base, atMs: event.atMs };
  const data = (event.data ?? {}) as { status?: string; pass?: number };
  if (event.event === 'MIGRATION' && data.status) return [{ ...at, type: 'status', status: data.status }];
  if (event.event === 'MIGRATION_PASS' && data.pass) return [{ ...at, type: 'pass', pass: data.pass }];
  if (event.event === 'STOP') return [{ ...at, type: 'stop' }];
  if (event.event === 'RESUME') return [{ ...at, type: 'resume' }];
  return [];
}
