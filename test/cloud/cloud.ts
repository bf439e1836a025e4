import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { makePki } from '../lab/pki.ts';
import { seeded } from '../random.ts';
import { CloudHost } from './host.ts';
import { answerKeystone, ownerOf } from './keystone.ts';
import type { Ledger, Moment } from './ledger.ts';
import { Machines } from './machines.ts';
import { answerNova } from './nova.ts';
import { answerPlacement } from './placement.ts';
import { Trouble } from './trouble.ts';

export interface CloudOptions {
  seed: number;
  hosts: string[];
  machines: number;
  /** Share of readings that meet a fault; of what changes something three times as many do. */
  faults: number;
  /** Servers that a host has room for; default 1000. */
  capacity?: number;
  /** How long one runs, in ms: [least, most]; absent: a fraction of a second. Then none fails. */
  runMs?: readonly [number, number];
  /** Nova's max_concurrent_live_migrations on each host; absent: 4. */
  concurrent?: number;
  /** Certificates (`tls`) and the hosts' state. */
  folder: string;
}

/** Where a Drover finds it. */
export interface CloudAddresses {
  keystoneUrl: string;
  novaUrl: string;
  hosts: { name: string; url: string }[];
  /** Holds `ca.crt`, `plugin.crt`, `plugin.key`. */
  tlsDir: string;
  machines: string[];
}

/**
 * A small, fast OpenStack: Keystone, Nova, Placement and a hostd for each compute host, over real HTTP and TLS, with faults, and a
 * ledger of every live migration. A migration takes 0.2 to 1.5 s.
 */
export class Cloud {
  readonly machines: Machines;
  readonly hosts: CloudHost[];
  /** Called at each moment, before anything follows from it. */
  onMoment: (moment: Moment) => void = () => {};
  /** Called with every request to Nova as it came. */
  readonly onRequest = new Set<(request: IncomingMessage, body: Buffer) => void>();
  readonly #options: CloudOptions;
  readonly #trouble: Trouble;
  #server: Server | null = null;

  constructor(options: CloudOptions) {
    this.#options = options;
    const random = seeded(options.seed);
    const moment = (which: Moment) => this.onMoment(which);
    this.machines = new Machines(options.hosts, options.machines, random, moment, options.runMs);
    this.machines.capacity = options.capacity ?? this.machines.capacity;
    this.#trouble = new Trouble(random, options.faults);
    const tlsDir = join(options.folder, 'tls');
    this.hosts = options.hosts.map((host, index) => {
      const busy = index % 2 === 0;
      const stateDir = join(options.folder, `hostd-${host}`);
      const workload = { workloadTxBitsPerSecond: busy ? 400e6 : 20e6, workloadRxBitsPerSecond: busy ? 100e6 : 250e6 };
      const { concurrent = 4 } = options;
      return new CloudHost({ host, tlsDir, stateDir, concurrent, ...workload }, this.machines, moment);
    });
    this.machines.changed = () => {
      for (const host of this.hosts) host.changed();
    };
  }

  async start(): Promise<CloudAddresses> {
    const { hosts, folder } = this.#options;
    const tlsDir = join(folder, 'tls');
    await makePki(tlsDir, { hosts: hosts.map((name) => ({ name, address: '127.0.0.1' })), clients: ['plugin'] });
    // One after the other: each looks for a port that is free.
    const ports: number[] = [];
    for (const host of this.hosts) ports.push(await host.start());
    const url = await this.#serve();
    return {
      keystoneUrl: `${url}/identity/v3`,
      novaUrl: url,
      hosts: hosts.map((name, index) => ({ name, url: `https://127.0.0.1:${ports[index]}` })),
      tlsDir,
      machines: [...this.machines.machines.keys()],
    };
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    this.#server?.close();
    await Promise.all(this.hosts.map((host) => host.stop()));
  }

  /** No faults from now on. */
  calm(): void {
    this.#trouble.calm();
  }

  get ledger(): Ledger {
    return { ...this.machines.ledger, faults: this.#trouble.faults };
  }

  /** Leases that stand now, of all hosts. */
  leases(): string[] {
    return this.hosts.flatMap(({ leases }) => leases.answer().leases.map(({ leaseId }) => leaseId));
  }

  async #serve(): Promise<string> {
    const parts = {
      machines: this.machines,
      trouble: this.#trouble,
      moment: (which: Moment) => this.onMoment(which),
      ownerOf,
    };
    const server = createServer(async (request, response) => {
      try {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        const body = Buffer.concat(chunks);
        if (request.url?.startsWith('/identity/')) await answerKeystone(parts, request, response);
        else if (request.url?.startsWith('/placement/')) await answerPlacement(parts, request, response);
        else {
          for (const look of this.onRequest) look(request, body);
          await answerNova(parts, request, response, body.toString());
        }
      } catch {
        // A client that was killed in the middle of its request: Nova drops what it has not got as a whole.
        response.destroy();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#server = server;
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
}
