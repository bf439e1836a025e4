import type { Logger } from 'pino';
import { describeError } from '../errors.ts';
import type { Virsh } from '../libvirt/virsh.ts';
import {
  type Domain,
  type DomainFacts,
  parseDomainList,
  parseDomainStates,
  parseDomainStats,
  parseDomainXml,
  xmlIsHeld,
} from './domain.ts';

const REFRESH_MS = 10_000;
/** While all is well and events tell of every change, so many of the timed refreshes are one. */
const QUIET_TURNS = 3;
/** A refresh that an event asked for waits so long for more of them: a guest may change its state all the time. */
const GATHER_MS = 1000;
/** In 60 turns of 10 s each domain has its XML read again, even if no event says that it changed: a few at each refresh. */
const XML_TURNS = 60;
/** Names stay known so long after the domain is gone: late events still carry them. */
const KEEP_NAME_MS = 600_000;

/** A job of libvirt may keep a domain's XML back for 30 s and more. */
const HELD_MS = 60_000;

const LIST = ['list', '--uuid', '--name'];

interface KnownFacts {
  facts: DomainFacts;
  readAtMs: number;
}

/**
 * The running domains of libvirt with their taps: read at the start, when an event says so, and every 10 s (every 30 s
 * while events are heard), in one call for all domains (35 ms of a core with 1,000 of them). The XML is read for those that are new or changed; `domstats`
 * could tell memory and taps too, but reads /proc/net/dev once for each interface and asks each QEMU. Keeps what it knew
 * while libvirt does not answer.
 */
export class Domains {
  /** Why libvirt could not be read the last time, null if it could. */
  problem: string | null = 'libvirt was not asked yet';
  /** Whether every change is told by an event now. */
  eventsHeard: () => boolean = () => false;
  readonly #virsh: Virsh;
  readonly #log: Logger;
  #domains = new Map<string, Domain>();
  #facts = new Map<string, KnownFacts>();
  /** Taps and memory of domains whose XML could not be had yet. */
  #provisional = new Map<string, DomainFacts>();
  /** Domains whose XML did not come in time, and until when it is not asked for again. */
  #held = new Map<string, number>();
  #names = new Map<string, { uuid: string; seenAtMs: number }>();
  #timer: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | null = null;
  #again = false;
  /** So many XML documents are read again at the next reading although nothing says that they changed. */
  #turns = 0;
  #warned = false;
  #stopped = false;

  constructor(virsh: Virsh, log: Logger) {
    this.#virsh = virsh;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.refresh();
    let skipped = 0;
    this.#timer = setInterval(() => {
      this.#turns += Math.ceil(this.#facts.size / XML_TURNS);
      skipped += 1;
      if (skipped < QUIET_TURNS && this.problem === null && this.eventsHeard()) return;
      skipped = 0;
      void this.refresh();
    }, REFRESH_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#gathering);
    await this.#refreshing;
  }

  list(): Domain[] {
    return [...this.#domains.values()];
  }

  get(uuid: string): Domain | undefined {
    return this.#domains.get(uuid);
  }

  /** Whether it runs here, after a fresh look; null if libvirt does not answer. */
  async ask(uuid: string): Promise<boolean | null> {
    await this.refresh();
    return this.problem === null ? this.#domains.has(uuid) : null;
  }

  uuidOf(name: string): string | null {
    return this.#names.get(name)?.uuid ?? null;
  }

  /** Reads the XML of this domain again at the next refresh (an interface was plugged). */
  forgetXml(name: string): void {
    const known = this.#facts.get(this.uuidOf(name) ?? '');
    if (known !== undefined) known.readAtMs = Number.NEGATIVE_INFINITY;
  }

  /** The same for all domains: events were missed. */
  forgetAllXml(): void {
    for (const known of this.#facts.values()) known.readAtMs = Number.NEGATIVE_INFINITY;
  }

  /** A refresh within a second, one for all that ask for it meanwhile. */
  refreshSoon(): void {
    if (this.#stopped) return;
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      void this.refresh();
    }, GATHER_MS);
  }

  /** Never throws; a call while one is running makes it run once more. */
  refresh(): Promise<void> {
    if (this.#refreshing !== null) {
      this.#again = true;
      return this.#refreshing;
    }
    this.#refreshing = this.#refreshAll().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refreshAll(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#read();
        this.problem = null;
        this.#warned = false;
      } catch (error) {
        const problem = `libvirt does not answer; VMs are measured as they were last known: ${describeError(error)}`;
        if (!this.#warned) this.#log.warn({ problem }, 'Cannot read the domains of libvirt');
        this.#warned = true;
        this.problem = problem;
      }
    } while (this.#again && !this.#stopped);
  }

  async #read(): Promise<void> {
    const due = this.#dueXml();
    const [list, stats, ...documents] = await this.#virsh.batch([
      LIST,
      ['domstats', '--state', '--list-active', '--raw', '--nowait'],
      ...due.map((uuid) => ['dumpxml', uuid]),
    ]);
    if (list == null || stats == null) throw new Error('no answer in time. Is libvirtd hanging?');
    this.#takeXml(due, documents);
    // A list that failed is as empty as that of a host without domains: only its exit status tells them apart.
    const listed = parseDomainList(list === '' ? await this.#virsh.one(...LIST) : list);
    if (listed.length > 0 && stats === '') throw new Error('domstats failed. Is libvirtd restarting?');
    const states = parseDomainStates(stats);
    const stateOf = (name: string) => states.get(name) ?? { state: 0, reason: 0 };
    const uuids = listed.map(({ uuid }) => uuid);
    await this.#readUnknown(listed.flatMap(({ uuid, name }) => (xmlIsHeld(stateOf(name)) ? [] : [uuid])));
    await this.#readProvisional(uuids);
    this.#domains = new Map(
      listed.flatMap(({ uuid, name }): [string, Domain][] => {
        const facts = this.#facts.get(uuid)?.facts ?? this.#provisional.get(uuid);
        // None if the domain went away between the list and its XML.
        return facts === undefined ? [] : [[uuid, { uuid, name, ...stateOf(name), ...facts }]];
      }),
    );
    for (const known of [this.#facts, this.#provisional, this.#held]) {
      for (const uuid of known.keys()) if (!this.#domains.has(uuid)) known.delete(uuid);
    }
    this.#keepNames(listed);
  }

  /** The XML of those of these domains that are new here. */
  async #readUnknown(uuids: readonly string[]): Promise<void> {
    const nowMs = performance.now();
    const unknown = uuids.filter((uuid) => !this.#facts.has(uuid) && (this.#held.get(uuid) ?? 0) <= nowMs);
    if (unknown.length === 0) return;
    this.#takeXml(unknown, await this.#virsh.batch(unknown.map((uuid) => ['dumpxml', uuid])));
  }

  /** What `domstats` tells at once of those whose XML could not be had. */
  async #readProvisional(uuids: readonly string[]): Promise<void> {
    const wanted = uuids.filter((uuid) => !this.#facts.has(uuid) && !this.#provisional.has(uuid));
    if (wanted.length === 0) return;
    const commands = wanted.map((uuid) => ['domstats', '--balloon', '--interface', '--raw', '--nowait', uuid]);
    const outputs = await this.#virsh.batch(commands);
    for (const [index, uuid] of wanted.entries()) {
      const output = outputs[index];
      if (output) this.#provisional.set(uuid, parseDomainStats(output));
    }
  }

  /** Those that changed, and as many more as it is the turn of, the one read longest ago first. */
  #dueXml(): string[] {
    const nowMs = performance.now();
    const free = [...this.#facts].filter(([uuid]) => {
      const domain = this.#domains.get(uuid);
      return (domain === undefined || !xmlIsHeld(domain)) && (this.#held.get(uuid) ?? 0) <= nowMs;
    });
    const byAge = free.sort(([, one], [, other]) => one.readAtMs - other.readAtMs);
    const changed = byAge.filter(([, { readAtMs }]) => readAtMs === Number.NEGATIVE_INFINITY).length;
    const due = byAge.slice(0, Math.max(changed, this.#turns)).map(([uuid]) => uuid);
    this.#turns = 0;
    return due;
  }

  #takeXml(uuids: readonly string[], documents: readonly (string | null)[]): void {
    for (const [index, uuid] of uuids.entries()) {
      const xml = documents[index];
      // A document that did not come leaves what was known; it is asked for again.
      if (xml) this.#facts.set(uuid, { facts: parseDomainXml(xml), readAtMs: performance.now() });
    }
    const hung = uuids[documents.indexOf(null)];
    if (hung !== undefined) this.#held.set(hung, performance.now() + HELD_MS);
  }

  #keepNames(listed: readonly { uuid: string; name: string }[]): void {
    const nowMs = performance.now();
    for (const { uuid, name } of listed) this.#names.set(name, { uuid, seenAtMs: nowMs });
    for (const [name, { seenAtMs }] of this.#names) if (nowMs - seenAtMs > KEEP_NAME_MS) this.#names.delete(name);
  }
}
