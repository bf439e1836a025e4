import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { ErrorAnswer, LeaseRequest } from '../../hostd/contract.ts';
import { makePki } from '../lab/pki.ts';
import { asService, giveToService } from '../lab/service.ts';
import type { Delivery } from './courier.ts';
import type { Flood, FloodResult } from './flood.ts';

const run = promisify(execFile);
const PORT = 9797;
const BRIDGE_MAC = '02:00:00:00:99:01';
const READY_MS = 60_000;

/** Addresses in the rig: the host, the other host at the far end of the NIC, the guests behind taps. */
export const HOST = '10.99.0.1';
export const PEER = '10.99.0.2';
export const GUESTS = ['10.99.0.11', '10.99.0.12'] as const;
export const LINK_MEGABITS = 200;

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect in it
  json: any;
  text: string;
}

/**
 * One compute host on the real kernel, in network namespaces of its own: `nic0` and two taps (ends of veth pairs) in a
 * bridge, another host at the far end of nic0, and the daemon as a process of its own.
 */
export class Rig {
  readonly name = `hd${process.pid}${Math.random().toString(36).slice(2, 6)}`;
  readonly host = this.name;
  readonly peer = `${this.name}p`;
  readonly guests = [`${this.name}a`, `${this.name}b`] as const;
  readonly taps: readonly [string, string];
  dir = '';
  /** Of the daemon, beside what the test runs with. */
  environment: Record<string, string> = {};
  /** Groups of the daemon beside its own, such as `libvirt`. */
  groups: readonly string[] = [];
  daemon: ChildProcess | null = null;
  log = '';
  readonly #children = new Set<ChildProcess>();
  readonly #couriers = new Map<string, ChildProcess>();
  readonly #waiting = new Map<number, (delivery: Delivery) => void>();
  #nextId = 1;

  readonly nic: string;
  readonly #nicQueues: number;

  constructor(taps: readonly [string, string] = ['tap-one', 'tap-two'], { nicQueues = 1, nic = 'nic0' } = {}) {
    this.taps = taps;
    this.nic = nic;
    this.#nicQueues = nicQueues;
  }

  async start(): Promise<void> {
    this.dir = await mkdtemp(join(tmpdir(), 'drover-hostd-'));
    await makePki(join(this.dir, 'pki'), { hosts: [{ name: 'here', address: HOST }], clients: ['plugin', 'plugin-b'] });
    for (const namespace of [this.host, this.peer, ...this.guests]) {
      await run('ip', ['netns', 'add', namespace]);
      await run('ip', ['-n', namespace, 'link', 'set', 'dev', 'lo', 'up']);
    }
    // Without one of its own a bridge has the lowest address of its ports, a new one with each tap that comes and goes: who
    // has just learned it is not answered until ARP asks again.
    await this.ip('link', 'add', 'name', 'brq0', 'address', BRIDGE_MAC, 'type', 'bridge');
    await this.ip('link', 'set', 'dev', 'brq0', 'up');
    await this.ip('address', 'add', `${HOST}/24`, 'dev', 'brq0');
    await this.#wire(this.nic, this.peer, PEER);
    await this.#wire(this.taps[0], this.guests[0], GUESTS[0]);
    await this.#wire(this.taps[1], this.guests[1], GUESTS[1]);
    this.#courier(this.peer);
  }

  async #wire(port: string, namespace: string, address: string): Promise<void> {
    const queues = ['numtxqueues', String(port === this.nic ? this.#nicQueues : 1)];
    await this.ip('link', 'add', 'name', port, ...queues, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    await this.ip('link', 'set', 'dev', port, 'master', 'brq0', 'up');
    await run('ip', ['-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0']);
    await run('ip', ['-n', namespace, 'link', 'set', 'dev', 'eth0', 'up']);
  }

  async stop(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all([...this.#children].map((child) => (child.exitCode ?? child.signalCode) || once(child, 'exit')));
    for (const namespace of [this.host, this.peer, ...this.guests]) {
      await run('ip', ['netns', 'del', namespace]).catch(() => undefined);
    }
    await rm(this.dir, { recursive: true, force: true });
  }

  /** `ip` with these arguments in the host's namespace. */
  async ip(...args: string[]): Promise<string> {
    return (await run('ip', ['-n', this.host, ...args])).stdout;
  }

  async exec(namespace: string, file: string, ...args: string[]): Promise<string> {
    return (await run('ip', ['netns', 'exec', namespace, file, ...args], { timeout: 120_000 })).stdout;
  }

  tc(...args: string[]): Promise<string> {
    return this.exec(this.host, 'tc', ...args);
  }

  /** A program that runs until the rig stops. */
  spawn(namespace: string, file: string, ...args: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', namespace, file, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Starts an iperf3 that waits for clients there, and waits until it does. */
  async iperfServer(namespace: string, port: number, ...more: string[]): Promise<ChildProcess> {
    const server = this.spawn(namespace, 'iperf3', '-s', '-p', String(port), ...more);
    server.stdout?.resume();
    const deadlineMs = Date.now() + READY_MS;
    while ((await this.exec(namespace, 'ss', '-Hltn', `sport = :${port}`)) === '') {
      if (Date.now() > deadlineMs) throw new Error(`iperf3 does not listen on ${port}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return server;
  }

  /** Writes the daemon's configuration and gives all files to its user. Resolves with the file. */
  async configure(changes: object = {}): Promise<string> {
    const config = join(this.dir, 'hostd.yaml');
    await writeFile(config, stringify({ ...this.#config(), ...changes }));
    giveToService(this.dir);
    return config;
  }

  /** Starts the daemon and waits until it answers. */
  async startDaemon(changes: object = {}): Promise<void> {
    await this.launchDaemon(changes);
    await this.daemonReady();
  }

  /** Starts the daemon and does not wait for it. */
  async launchDaemon(changes: object = {}): Promise<void> {
    const config = await this.configure(changes);
    this.log = '';
    const [file = '', ...args] = this.service(['--config', config]);
    const child = this.spawn(this.host, file, ...args);
    this.daemon = child;
    child.stdout?.on('data', (text) => {
      this.log += text;
    });
  }

  async daemonReady(): Promise<void> {
    const child = this.daemon;
    const deadline = Date.now() + READY_MS;
    while (!this.log.includes('hostd is ready')) {
      if (child === null || child.exitCode !== null) throw new Error(`hostd ended: ${this.log}`);
      if (Date.now() > deadline) throw new Error(`hostd was not ready in ${READY_MS} ms: ${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The argument vector of hostd, as its own user in the host's namespace. */
  service(args: readonly string[]): string[] {
    return asService('hostd/main.ts', args, this.environment, this.groups);
  }

  #config(): object {
    return {
      host: 'here',
      nic: this.nic,
      listen: { address: HOST, port: PORT },
      tls: { cert: 'pki/here.crt', key: 'pki/here.key', ca: 'pki/ca.crt' },
      clients: { plugin: 'reserve', 'plugin-b': 'reserve' },
      stateDir: 'state',
      linkMegabitsPerSecond: LINK_MEGABITS,
      windowMs: 3000,
      // No libvirt and no Nova here: hostd must serve what it can.
      libvirtUri: 'qemu+unix:///system?socket=/nonexistent/drover-test',
      novaConf: '/nonexistent/nova.conf',
      migration: { address: HOST, peers: ['10.99.0.0/29'] },
    };
  }

  async killDaemon(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.daemon;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** A program in that namespace which speaks to hostd. */
  #courier(namespace: string): ChildProcess {
    const known = this.#couriers.get(namespace);
    if (known) return known;
    const courier = this.spawn(
      namespace,
      process.execPath,
      join(import.meta.dirname, 'courier.ts'),
      join(this.dir, 'pki'),
    );
    if (courier.stdout === null) throw new Error('the courier has no output');
    createInterface({ input: courier.stdout }).on('line', (line) => {
      const delivery = JSON.parse(line) as Delivery;
      this.#waiting.get(delivery.id)?.(delivery);
      this.#waiting.delete(delivery.id);
    });
    this.#couriers.set(namespace, courier);
    return courier;
  }

  /** Asks over the NIC, from the other host. */
  call(method: string, path: string, body?: unknown, client: string | null = 'plugin'): Promise<Answer> {
    return this.#ask(this.peer, method, path, body, client);
  }

  /** Asks from the host itself, for where the NIC is away. */
  callFromHost(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.#ask(this.host, method, path, body, 'plugin');
  }

  async #ask(from: string, method: string, path: string, body: unknown, client: string | null): Promise<Answer> {
    const id = this.#nextId++;
    const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
    const delivery = new Promise<Delivery>((resolve) => this.#waiting.set(id, resolve));
    this.#courier(from).stdin?.write(
      `${JSON.stringify({ id, method, url: `https://${HOST}:${PORT}${path}`, body: text, client })}\n`,
    );
    const { status, text: answer } = await delivery;
    return { status, text: answer, json: answer.startsWith('{') ? JSON.parse(answer) : null };
  }

  /** Listens to a stream of events, from the other host. */
  listen(path: string, client = 'plugin'): { readonly text: string; events(name: string): unknown[] } {
    const script = join(import.meta.dirname, 'listen.ts');
    const url = `https://${HOST}:${PORT}${path}`;
    let text = '';
    this.spawn(this.peer, process.execPath, script, join(this.dir, 'pki'), client, url).stdout?.on('data', (more) => {
      text += more;
    });
    return {
      get text() {
        return text;
      },
      events: (name) =>
        [...text.matchAll(new RegExp(`^event: ${name}\ndata: (.*)\n\n`, 'gm'))].map(([, data]) =>
          JSON.parse(data ?? ''),
        ),
    };
  }

  /** Calls hostd many times from the other host. */
  async flood(order: Omit<Flood, 'pki' | 'url'> & { path: string }): Promise<FloodResult> {
    const script = join(import.meta.dirname, 'flood.ts');
    const { path, ...rest } = order;
    const whole: Flood = { ...rest, pki: join(this.dir, 'pki'), url: `https://${HOST}:${PORT}${path}` };
    const argv = ['netns', 'exec', this.peer, process.execPath, script, JSON.stringify(whole)];
    return JSON.parse((await run('ip', argv, { timeout: 120_000, maxBuffer: 64e6 })).stdout) as FloodResult;
  }

  /** The qdiscs of the host in tc's own words, and whether an IFB is there. */
  async snapshot(): Promise<string> {
    return `${await this.tc('qdisc', 'show')}${await this.ip('link', 'show', 'type', 'ifb')}`;
  }

  async leasesOnDisk(): Promise<string[]> {
    const text = await readFile(join(this.dir, 'state/leases.json'), 'utf8').catch(() => '{"leases":[]}');
    return (JSON.parse(text) as { leases: { leaseId: string }[] }).leases.map(({ leaseId }) => leaseId);
  }
}

/** A lease on both directions. Rates in Mbit/s. */
export function lease(migration: number, workload: number, changes: Partial<LeaseRequest> = {}): LeaseRequest {
  const ceil = LINK_MEGABITS * 1e6;
  const reservation = {
    migration: { rateBitsPerSecond: migration * 1e6, ceilBitsPerSecond: ceil, prio: 1 },
    workload: { rateBitsPerSecond: workload * 1e6, ceilBitsPerSecond: workload * 1e6, prio: 2 },
  };
  const vmUuid = '3f6a1c9e-4b1d-4a55-9a3c-0d6d5a1f2b10';
  return {
    holder: 'test',
    fence: 1,
    vmUuid,
    priority: 'high',
    tx: reservation,
    rx: reservation,
    // No test that does not mean it sees its end, however long it takes.
    ttlMs: 300_000,
    ...changes,
  };
}

export function errorCode(answer: Answer): string | undefined {
  return (answer.json as ErrorAnswer | null)?.error.code;
}
