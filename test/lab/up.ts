/** Brings a lab up. Everything that does not depend on each other starts together. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as control from './config/control.ts';
import { neutronAgentPath, neutronServerConf } from './config/neutron.ts';
import { NOVA_CONF, novaControlConf } from './config/nova.ts';
import { Courier } from './courier.ts';
import * as databases from './databases.ts';
import { tearDown } from './down.ts';
import { buildGuest, type GuestFiles } from './guest/build.ts';
import { startHost, waitForLibvirt, writeHostFiles } from './hosts.ts';
import { enter, type Where } from './namespaces.ts';
import { createNetwork, wireTenantBridge } from './network.ts';
import { checkOptions, type LabOptions, type LabPaths, labPaths, PORTS, planHosts } from './plan.ts';
import { daemonPid, logPath, removeFile, startDaemon, takeLock, waitFor } from './processes.ts';
import * as resources from './resources.ts';
import { Rest, SERVICE_URLS } from './rest.ts';
import { deadProcesses, readOptions } from './status.ts';

/** Daemons that come up slowly on a busy machine; a dead one is noticed at once. */
const DAEMON_TIMEOUT_MS = 300_000;
const LOCK_TIMEOUT_MS = 600_000;

type Say = (text: string) => void;

/** Brings the lab up with these options, or finds that it is. */
export async function up(options: LabOptions, say: Say): Promise<void> {
  checkOptions(options);
  if (process.getuid?.() !== 0) throw new Error('the lab needs root: namespaces, mounts and QEMU are made here');
  const paths = labPaths(options.name);
  const unlock = await takeLock(paths.lock, LOCK_TIMEOUT_MS);
  try {
    if (await isUpAs(options, paths)) return say(`lab ${options.name} is up`);
    installPackages();
    await tearDown(options.name, say); // what a killed run left
    await new Start(options, paths, say).all();
    writeFileSync(paths.up, '');
  } finally {
    unlock();
  }
}

/** @throws {Error} if the lab is up and whole, but otherwise than asked */
async function isUpAs(options: LabOptions, paths: LabPaths): Promise<boolean> {
  if (!existsSync(paths.up) || (await deadProcesses(options.name, paths)).length > 0) return false;
  const running = JSON.stringify(readOptions(paths));
  if (running === JSON.stringify(options)) return true;
  throw new Error(`lab ${options.name} is up with other options: ${running}; take it down first`);
}

function installPackages(): void {
  const script = join(import.meta.dirname, '..', 'packages.ts');
  const done = spawnSync(process.execPath, [script, 'lab'], { stdio: ['ignore', 2, 2] });
  if (done.status !== 0) throw new Error('the packages could not be installed: see above');
}

/** One start: holds what its steps share. */
class Start {
  readonly #options: LabOptions;
  readonly #paths: LabPaths;
  readonly #say: Say;
  readonly #begin = performance.now();
  readonly #beginDate = new Date();

  constructor(options: LabOptions, paths: LabPaths, say: Say) {
    this.#options = options;
    this.#paths = paths;
    this.#say = say;
  }

  async all(): Promise<void> {
    const { initialised } = this.#paths;
    const cold = !existsSync(initialised);
    this.#prepareFiles(cold);
    const guest = this.#step('guest built', buildGuest());
    await this.#step('network', createNetwork(this.#options));
    const rest = new Rest(new Courier((argv) => enter(this.#options.name, this.#paths, 'control', argv)));
    const peer = guest.then((files) => this.#startPeer(files));
    const rabbit = this.#startRabbit();
    const memcached = this.#startMemcached();
    const hosts = planHosts(this.#options).map((host) =>
      this.#step(`libvirt of ${host.name}`, this.#startHypervisor(host)),
    );
    await this.#all([this.#startDatabase(cold), memcached]);
    const keystone = this.#startKeystone(rest, cold);
    const placement = this.#startPlacement(cold);
    const glance = this.#startGlance(cold);
    const neutron = this.#startNeutron(keystone, rabbit, cold);
    const nova = this.#startNova(keystone, rabbit, cold);
    const computes = this.#all([...hosts, placement, nova.database, rabbit, keystone]).then(() =>
      this.#startComputes(),
    );
    const agents = this.#all([...hosts, neutron]).then(() => this.#startAgents());
    const images = this.#all([glance, guest, keystone]).then(async () => resources.createImages(rest, await guest));
    const network = neutron.then(() => resources.createTenantNetwork(rest));
    const flavors = nova.api.then(() => resources.createFlavors(rest));
    await this.#all([computes, agents, peer, this.#step('images', images), network, flavors]);
    await this.#step('hosts known to Nova and Neutron', this.#waitForHosts(rest));
    if (!cold) await resources.deleteLeftovers(rest);
    const networkId = await network;
    await Promise.all(planHosts(this.#options).map((host) => wireTenantBridge(host, networkId)));
    writeFileSync(initialised, '');
    this.#report(`lab ${this.#options.name} is up`);
  }

  #report(text: string): void {
    const line = `${((performance.now() - this.#begin) / 1000).toFixed(1).padStart(6)} s  ${text}`;
    writeFileSync(join(this.#paths.log, 'timing.txt'), `${line}\n`, { flag: 'a' });
    this.#say(line);
  }

  async #step<T>(name: string, work: Promise<T>): Promise<T> {
    const result = await work;
    this.#report(name);
    return result;
  }

  /** Like Promise.all; named so that the dependencies in `all` read well. */
  async #all(work: Promise<unknown>[]): Promise<void> {
    await Promise.all(work);
  }

  #start(where: Where, name: string, argv: string[], env: Record<string, string> = {}): number {
    return startDaemon(this.#paths, name, enter(this.#options.name, this.#paths, where, argv), env);
  }

  #prepareFiles(cold: boolean): void {
    const { state, etc, log, pids, instances } = this.#paths;
    if (cold) rmSync(state, { recursive: true, force: true });
    const directories = ['locks', 'nova', 'neutron', 'glance/images', 'rabbit/home', 'rabbit/log', 'rabbit/mnesia'];
    for (const directory of [etc, log, pids, instances, ...directories.map((name) => join(state, name))]) {
      mkdirSync(directory, { recursive: true });
    }
    writeFileSync(this.#paths.options, JSON.stringify(this.#options));
    removeFile(join(log, 'timing.txt'));
    const write = (name: string, text: string) => writeFileSync(join(etc, name), text);
    write('keystone.conf', control.keystoneConf(this.#paths));
    write('placement.conf', control.placementConf(this.#paths));
    write('glance-api.conf', control.glanceConf(this.#paths));
    write('neutron.conf', neutronServerConf(this.#paths));
    write('nova.conf', novaControlConf(this.#paths));
    write('nova-cell0.conf', novaControlConf(this.#paths, 'nova_cell0'));
    copyFileSync('/etc/nova/api-paste.ini', join(etc, 'api-paste.ini'));
    const hosts = planHosts(this.#options);
    write('hosts', control.etcHosts(hosts));
    for (const host of hosts) writeHostFiles(this.#paths, host, this.#options);
    const rabbit = join(state, 'rabbit');
    writeFileSync(join(rabbit, 'rabbitmq.conf'), control.rabbitConf());
    for (const name of ['advanced.config', 'enabled_plugins']) writeFileSync(join(rabbit, name), '[].\n');
  }

  async #waitForPort(name: string, url: string, pid: number, ready: (status: number) => boolean): Promise<void> {
    const courier = new Courier((argv) => enter(this.#options.name, this.#paths, 'control', argv));
    try {
      const probe = async () => {
        const answer = await courier.request({ kind: 'http', method: 'GET', url, headers: {}, timeoutMs: 20_000 });
        return ready(answer.status);
      };
      await waitFor(name, DAEMON_TIMEOUT_MS, logPath(this.#paths, name), probe, pid);
    } finally {
      courier.close();
    }
    this.#report(name);
  }

  async #startDatabase(cold: boolean): Promise<void> {
    if (cold) await databases.installDatabase(this.#paths);
    const pid = this.#start('control', 'mariadb', ['mariadbd', ...control.mariadbArguments(this.#paths)]);
    const probe = async () => (await databases.sql(this.#paths, 'select 1')) !== '';
    await waitFor('mariadb', DAEMON_TIMEOUT_MS, logPath(this.#paths, 'mariadb'), probe, pid);
    if (cold) await databases.createDatabases(this.#paths);
    this.#report('mariadb');
  }

  async #startRabbit(): Promise<void> {
    const server = '/usr/lib/rabbitmq/bin/rabbitmq-server';
    const pid = this.#start('control', 'rabbit', [server], control.rabbitEnvironment(this.#paths));
    await this.#waitForListener('rabbit', PORTS.rabbit, pid);
  }

  async #startMemcached(): Promise<void> {
    const argv = ['memcached', '-u', 'memcache', '-l', new URL(SERVICE_URLS.compute).hostname];
    const pid = this.#start('control', 'memcached', [...argv, '-p', String(PORTS.memcached), '-m', '64']);
    await this.#waitForListener('memcached', PORTS.memcached, pid);
  }

  /** Reads the namespace's own table of sockets: state 0A is LISTEN. */
  async #waitForListener(name: string, port: number, pid: number): Promise<void> {
    const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`;
    const probe = () => readFileSync(`/proc/${pid}/net/tcp`, 'utf8').includes(suffix);
    await waitFor(name, DAEMON_TIMEOUT_MS, logPath(this.#paths, name), probe, pid);
    this.#report(name);
  }

  async #startHypervisor(host: ReturnType<typeof planHosts>[number]): Promise<void> {
    await startHost(this.#options.name, this.#paths, host);
    const pid = daemonPid(this.#paths, `libvirtd-${host.index}`);
    await waitForLibvirt(this.#options.name, this.#paths, host, pid);
  }

  #startUwsgi(name: string, argv: string[], env: Record<string, string>): number {
    return this.#start('control', name, ['uwsgi_python3', ...argv], env);
  }

  async #startKeystone(rest: Rest, cold: boolean): Promise<void> {
    if (cold) await this.#step('keystone database', databases.syncKeystone(this.#paths));
    const argv = control.uwsgiArguments(PORTS.keystone, '/usr/bin/keystone-wsgi-public', 1, 4);
    const pid = this.#startUwsgi('keystone', argv, {
      OS_KEYSTONE_CONFIG_FILES: join(this.#paths.etc, 'keystone.conf'),
    });
    await this.#waitForPort('keystone', SERVICE_URLS.identity, pid, (status) => status === 200);
    if (cold) await this.#step('catalogue', resources.createServices(rest));
    else await resources.setPublicCompute(rest, SERVICE_URLS.compute);
  }

  async #startPlacement(cold: boolean): Promise<void> {
    if (cold) await this.#step('placement database', databases.syncPlacement(this.#paths));
    const argv = control.uwsgiArguments(PORTS.placement, '/usr/bin/placement-api', 1, 4);
    const pid = this.#startUwsgi('placement', argv, { OS_PLACEMENT_CONFIG_DIR: this.#paths.etc });
    await this.#waitForPort('placement', `${SERVICE_URLS.placement}/`, pid, (status) => status === 200);
  }

  async #startGlance(cold: boolean): Promise<void> {
    if (cold) await this.#step('glance database', databases.syncGlance(this.#paths));
    const pid = this.#start('control', 'glance', [
      'glance-api',
      '--config-file',
      join(this.#paths.etc, 'glance-api.conf'),
    ]);
    await this.#waitForPort('glance', `${SERVICE_URLS.image}/`, pid, (status) => status === 300);
  }

  async #startNeutron(keystone: Promise<void>, rabbit: Promise<void>, cold: boolean): Promise<void> {
    if (cold) await this.#step('neutron database', databases.syncNeutron(this.#paths));
    await this.#all([keystone, rabbit]);
    const pid = this.#start('control', 'neutron', [
      'neutron-server',
      '--config-file',
      join(this.#paths.etc, 'neutron.conf'),
    ]);
    await this.#waitForPort('neutron', `${SERVICE_URLS.network}/`, pid, (status) => status === 200);
  }

  #startNova(keystone: Promise<void>, rabbit: Promise<void>, cold: boolean) {
    const database = cold ? this.#step('nova databases', databases.syncNova(this.#paths)) : Promise.resolve();
    const api = this.#all([database, keystone, rabbit]).then(async () => {
      const config = ['--config-file', join(this.#paths.etc, 'nova.conf')];
      this.#start('control', 'nova-conductor', ['nova-conductor', ...config]);
      this.#start('control', 'nova-scheduler', ['nova-scheduler', ...config]);
      const argv = control.uwsgiArguments(PORTS.nova, '/usr/bin/nova-api-wsgi', 2, 1);
      const pid = this.#startUwsgi('nova-api', argv, { OS_NOVA_CONFIG_DIR: this.#paths.etc });
      await this.#waitForPort('nova-api', new URL('/', SERVICE_URLS.compute).href, pid, (status) => status === 200);
    });
    return { database, api };
  }

  #startComputes(): void {
    for (const host of planHosts(this.#options)) {
      this.#start(host.name, `nova-compute-${host.index}`, ['nova-compute', '--config-file', NOVA_CONF]);
    }
  }

  #startAgents(): void {
    for (const host of planHosts(this.#options)) {
      const argv = ['neutron-linuxbridge-agent', '--config-file', neutronAgentPath(this.#paths, host)];
      this.#start(host.name, `neutron-agent-${host.index}`, argv);
    }
  }

  #startPeer(files: GuestFiles): void {
    this.#start('peer', 'iperf3', ['iperf3', '-s']);
    this.#start('peer', 'peer-agent', [files.agent, '1']);
  }

  async #waitForHosts(rest: Rest): Promise<void> {
    const { hosts } = this.#options;
    const log = join(this.#paths.log, 'nova-compute-1.log');
    const nodes = async () => (await databases.countComputeNodes(this.#paths)) >= hosts;
    await waitFor('compute nodes', DAEMON_TIMEOUT_MS, log, nodes);
    await databases.discoverHosts(this.#paths, hosts);
    const alive = async () => {
      const seen = await resources.countAliveHosts(rest, this.#beginDate);
      return Math.min(seen.computes, seen.hypervisors, seen.agents) >= hosts;
    };
    await waitFor('hosts known to Nova and Neutron', DAEMON_TIMEOUT_MS, hostLogs(this.#paths), alive);
  }
}

function hostLogs(paths: LabPaths): string {
  return `${join(paths.log, 'nova-compute-*.log')} and ${join(paths.log, 'neutron-agent-*.log')}`;
}
