import type { Logger } from 'pino';
import { type RunCommand, runCommand } from '../command.ts';
import { describeError } from '../errors.ts';
import { type Domain, type DomainFacts, parseDomainList, parseDomainStates, parseDomainXml } from './domain.ts';

const REFRESH_MS = 10_000;
/** The XML is read again this often even if no event says that it changed. */
const XML_AGE_MS = 60_000;

/**
 * The running domains of libvirt with their taps: read at the start, when an event says so, and every 10 s, in two calls
 * for all domains and one for each that is new. Keeps what it knew while libvirt does not answer.
 */
export class Domains {
  /** Why libvirt could not be read the last time, null if it could. */
  problem: string | null = 'libvirt was not asked yet';
  readonly #uri: string;
  readonly #log: Logger;
  readonly #run: RunCommand;
  #domains = new Map<string, Domain>();
  #facts = new Map<string, { facts: DomainFacts; readAtMs: number }>();
  /** Names stay known after the domain is gone: late events still carry them. */
  #uuids = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | null = null;
  #again = false;
  #warned = false;

  constructor(uri: string, log: Logger, run: RunCommand = runCommand) {
    this.#uri = uri;
    this.#log = log;
    this.#run = run;
  }

  async start(): Promise<void> {
    await this.refresh();
    this.#timer = setInterval(() => void this.refresh(), REFRESH_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  list(): Domain[] {
    return [...this.#domains.values()];
  }

  uuidOf(name: string): string | null {
    return this.#uuids.get(name) ?? null;
  }

  /** Reads the XML of this domain again at the next refresh (an interface was plugged). */
  forgetXml(name: string): void {
    const uuid = this.#uuids.get(name);
    if (uuid !== undefined) this.#facts.delete(uuid);
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
        const problem = `libvirt does not answer, VMs are not measured: ${describeError(error)}`;
        if (!this.#warned) this.#log.warn({ problem }, 'Cannot read the domains of libvirt');
        this.#warned = true;
        this.problem = problem;
      }
    } while (this.#again);
  }

  async #read(): Promise<void> {
    const [list, stats] = await Promise.all([
      this.#virsh('list', '--uuid', '--name'),
      this.#virsh('domstats', '--state', '--list-active', '--raw', '--nowait'),
    ]);
    const states = parseDomainStates(stats);
    const domains = new Map<string, Domain>();
    for (const { uuid, name } of parseDomainList(list)) {
      this.#uuids.set(name, uuid);
      const facts = await this.#readFacts(uuid);
      if (facts !== null) domains.set(uuid, { uuid, name, ...(states.get(name) ?? { state: 0, reason: 0 }), ...facts });
    }
    for (const uuid of this.#facts.keys()) if (!domains.has(uuid)) this.#facts.delete(uuid);
    this.#domains = domains;
  }

  /** Null if the domain went away between the list and this call. */
  async #readFacts(uuid: string): Promise<DomainFacts | null> {
    const known = this.#facts.get(uuid);
    if (known !== undefined && Date.now() - known.readAtMs < XML_AGE_MS) return known.facts;
    try {
      const facts = parseDomainXml(await this.#virsh('dumpxml', uuid));
      this.#facts.set(uuid, { facts, readAtMs: Date.now() });
      return facts;
    } catch (error) {
      this.#log.debug({ uuid, error: describeError(error) }, 'Cannot read the XML of a domain');
      return known?.facts ?? null;
    }
  }

  #virsh(...args: string[]): Promise<string> {
    return this.#run('virsh', ['-q', '-c', this.#uri, ...args]);
  }
}
