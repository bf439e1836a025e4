import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { makePki } from '../../lab/pki.ts';
import { asService, giveToService } from '../../lab/service.ts';
import type { Reading } from './band.ts';
import { Guest, type GuestOptions, tapOf } from './guest.ts';
import type { MeterReading } from './meter.ts';
import { HOST_ADDRESS, HOSTS, type HostName, LINK_MEGABITS, Network } from './network.ts';
import { Plugin } from './plugin.ts';
import { Programs } from './programs.ts';

const HOSTD_PORT = 7411;
const READY_MS = 20_000;
const METER_EVERY_MS = 10;
/** Guests that may migrate at once. */
const TAPS = [0, 1, 2].map(tapOf);

/** Two compute hosts with the real hostd each, the plugin's client, and meters of their classes. */
export class Stage {
  readonly network = new Network();
  readonly programs = new Programs();
  #dir = '';
  #plugin: Plugin | null = null;
  readonly #readings: Record<HostName, MeterReading[]> = { a: [], b: [] };

  async start(): Promise<void> {
    this.#dir = await mkdtemp(join(tmpdir(), 'drover-shape-'));
    await this.network.up(TAPS);
    const hosts = HOSTS.map((name) => ({ name, address: HOST_ADDRESS[name] }));
    await makePki(join(this.#dir, 'pki'), { hosts, clients: ['plugin'] });
    for (const name of HOSTS) await this.#startDaemon(name);
    const urls = HOSTS.map((name) => `${name}=https://${HOST_ADDRESS[name]}:${HOSTD_PORT}`);
    this.#plugin = new Plugin(
      this.programs.start(this.network.control, [...script('conductor.ts'), join(this.#dir, 'pki'), ...urls]),
    );
    for (const name of HOSTS) this.#startMeter(name);
  }

  async stop(): Promise<void> {
    await this.programs.stop();
    await this.network.down();
    await rm(this.#dir, { recursive: true, force: true });
  }

  get plugin(): Plugin {
    if (this.#plugin === null) throw new Error('the stage was not started');
    return this.#plugin;
  }

  guest(options: GuestOptions): Guest {
    return new Guest(this.network, this.programs, this.#dir, options);
  }

  /** The counter of a class (`nic0 20`) or direction (`nic0 tx`) since the stage or the class began. */
  counter(host: HostName, name: string): Reading[] {
    return this.#readings[host].flatMap(({ atMs, counters }) => {
      const figures = counters[name];
      return figures ? { atMs, bytes: figures[0] } : [];
    });
  }

  /** Packets that the class has dropped by now. */
  drops(host: HostName, name: string): number {
    return this.#readings[host].at(-1)?.counters[name]?.[2] ?? Number.NaN;
  }

  async #startDaemon(name: HostName): Promise<void> {
    const file = join(this.#dir, `${name}.yaml`);
    await writeFile(
      file,
      stringify({
        host: name,
        nic: 'nic0',
        listen: { address: HOST_ADDRESS[name], port: HOSTD_PORT },
        tls: { cert: `pki/${name}.crt`, key: `pki/${name}.key`, ca: 'pki/ca.crt' },
        clients: { plugin: 'reserve' },
        stateDir: `state-${name}`,
        linkMegabitsPerSecond: LINK_MEGABITS,
        libvirtUri: 'qemu+unix:///system?socket=/nonexistent/drover-bench',
        novaConf: '/nonexistent/nova.conf',
        migration: { address: HOST_ADDRESS[name], peers: Object.values(HOST_ADDRESS).map((each) => `${each}/32`) },
      }),
    );
    giveToService(this.#dir);
    const child = this.programs.start(this.network.host[name], asService('hostd/main.ts', ['--config', file]));
    await untilReady(child);
  }

  #startMeter(name: HostName): void {
    const devices = ['nic0', 'drover-ifb0'];
    const child = this.programs.start(this.network.host[name], [
      ...script('meter.ts'),
      String(METER_EVERY_MS),
      ...devices,
    ]);
    if (child.stdout === null) throw new Error('the meter has no output');
    createInterface({ input: child.stdout }).on('line', (line) => this.#readings[name].push(JSON.parse(line)));
  }
}

function script(name: string): string[] {
  return [process.execPath, join(import.meta.dirname, name)];
}

async function untilReady(child: ChildProcess): Promise<void> {
  let log = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-100_000);
  });
  const deadline = performance.now() + READY_MS;
  while (!log.includes('hostd is ready')) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`hostd was not ready: ${log}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
