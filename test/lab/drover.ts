/** Drover itself in a lab: hostd on every host, the plugin beside nova-api, with certificates of the lab's own CA. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import axios from 'axios';
import { stringify } from 'yaml';
import { z } from 'zod';
import { MigrationEvent, MigrationRecord, PolicyStatus } from '../../plugin/contract.ts';
import { putPolicy } from '../policy-file.ts';
import { PASSWORD, RABBIT } from './config/identity.ts';
import type { Lab } from './lab.ts';
import { makePki } from './pki.ts';
import { CONTROL_ADDRESS, PORTS } from './plan.ts';
import type { RestAnswer } from './rest.ts';
import { asService, giveToService } from './service.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const HOSTD_PORT = 7411;
const PLUGIN_PORT = 8775;
const START_WITHIN_MS = 60_000;
const POLICY_WITHIN_MS = 10_000;
const STOP_WITHIN_MS = 10_000;

/** Compute endpoint of Drover in every lab. */
export const DROVER_ENDPOINT = `http://${CONTROL_ADDRESS}:${PLUGIN_PORT}/v2.1`;

export interface DroverOptions {
  /** How often each hostd measures dirty rates; default: hostd's own. */
  dirtyRateEveryMs?: number;
  /** Whether the plugin listens to Nova's notifications; default: yes. */
  notifications?: boolean;
}

export class Drover {
  readonly folder: string;
  readonly socket: string;
  readonly policyFile: string;
  readonly #database: string;
  readonly #lab: Lab;
  readonly #dirtyRateEveryMs: number | undefined;
  /** Of the next start of the plugin. */
  notifications: boolean;
  #plugin: ChildProcess | null = null;
  readonly #hostds = new Map<string, ChildProcess>();

  /** Nothing is started; the history of an earlier Drover in this lab is gone. `policy` is the policy file's text. */
  constructor(lab: Lab, policy: string, options: DroverOptions = {}) {
    this.#lab = lab;
    this.#dirtyRateEveryMs = options.dirtyRateEveryMs;
    this.notifications = options.notifications ?? true;
    this.folder = join(lab.paths.state, 'drover');
    this.#database = join(this.folder, 'drover.db');
    this.socket = join(this.folder, 'control.sock');
    this.policyFile = join(this.folder, 'policy.yaml');
    mkdirSync(join(this.folder, 'log'), { recursive: true });
    putPolicy(this.policyFile, policy);
    for (const file of ['', '-wal', '-shm']) rmSync(`${this.#database}${file}`, { force: true });
  }

  /** Certificates, then hostd on every host, then the plugin. */
  async start(): Promise<void> {
    const hosts = this.#lab.hosts.map(({ name, address }) => ({ name, address }));
    await makePki(join(this.folder, 'tls'), { hosts, clients: ['plugin'] });
    await Promise.all(this.#lab.hosts.map((host) => this.startHostd(host.name)));
    await this.startPlugin();
  }

  /** Ends what runs; leases end with hostd's own time to live or have ended before. */
  async stop(): Promise<void> {
    await this.stopPlugin('SIGTERM');
    await Promise.all(this.#lab.hosts.map((host) => this.stopHostd(host.name, 'SIGTERM')));
  }

  async startHostd(host: string): Promise<void> {
    const found = this.#lab.hosts.find((candidate) => candidate.name === host);
    if (!found) throw new Error(`${host} is no host of lab ${this.#lab.name}`);
    const own = `hostd-${host}`;
    mkdirSync(join(this.folder, own), { recursive: true });
    for (const name of ['ca.crt', `${host}.crt`, `${host}.key`]) {
      copyFileSync(join(this.folder, 'tls', name), join(this.folder, own, name));
    }
    const file = this.#write(join(own, 'hostd.yaml'), {
      host,
      nic: 'nic0',
      listen: { address: found.address, port: HOSTD_PORT },
      tls: { ca: 'ca.crt', cert: `${host}.crt`, key: `${host}.key` },
      clients: { plugin: 'reserve' },
      stateDir: 'state',
      linkMegabitsPerSecond: this.#lab.options.linkMegabitsPerSecond,
      migration: { peers: ['10.77.0.0/24'] },
      ...(this.#dirtyRateEveryMs === undefined ? {} : { dirtyRateEveryMs: this.#dirtyRateEveryMs }),
    });
    giveToService(join(this.folder, own));
    const child = this.#spawn(host, own, asService('hostd/main.ts', ['--config', file], {}, ['libvirt', 'nova']));
    this.#hostds.set(host, child);
    const listening = async () =>
      (await this.#lab.runOn(host, ['ss', '-Hltn', `sport = :${HOSTD_PORT}`])).stdout.includes(String(HOSTD_PORT));
    await this.#until(listening, child, `hostd-${host}`);
  }

  async stopHostd(host: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await end(this.#hostds.get(host), signal);
    this.#hostds.delete(host);
  }

  async startPlugin(): Promise<void> {
    const password = join(this.folder, 'password');
    writeFileSync(password, PASSWORD, { mode: 0o600 });
    const rabbitPassword = join(this.folder, 'rabbit-password');
    writeFileSync(rabbitPassword, RABBIT.password, { mode: 0o600 });
    const url = `amqp://${RABBIT.user}@${RABBIT.address}/`;
    const file = this.#write('plugin.yaml', {
      listen: { address: CONTROL_ADDRESS, port: PLUGIN_PORT },
      nova: { url: `http://${CONTROL_ADDRESS}:${PORTS.nova}` },
      keystone: {
        authUrl: `http://${CONTROL_ADDRESS}:${PORTS.keystone}/v3`,
        username: 'admin',
        passwordFile: password,
        projectName: 'admin',
      },
      policy: this.policyFile,
      database: this.#database,
      controlSocket: this.socket,
      ...(this.notifications ? { notifications: { url, passwordFile: rabbitPassword } } : {}),
      hostd: {
        ...this.#tls('plugin'),
        hosts: this.#lab.hosts.map(({ name, address }) => ({ name, url: `https://${address}:${HOSTD_PORT}` })),
      },
    });
    const plugin = join(ROOT, 'plugin/main.ts');
    this.#plugin = this.#spawn('control', 'plugin', [process.execPath, plugin, '--config', file]);
    const ready = async () => (await this.#control('/healthz', z.object({ status: z.string() }))).status === 'ok';
    await this.#until(ready, this.#plugin, 'plugin');
  }

  async stopPlugin(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await end(this.#plugin ?? undefined, signal);
    this.#plugin = null;
  }

  /** The newest 200 migrations, newest first. */
  migrations(): Promise<MigrationRecord[]> {
    return this.#control('/v1/migrations?all=1', z.array(MigrationRecord));
  }

  /** The newest migration of a VM once it is in one of these states; throws with its events after `withinMs`. */
  async migrationOf(vmUuid: string, states: MigrationRecord['state'][], withinMs: number): Promise<MigrationRecord> {
    const deadlineMs = Date.now() + withinMs;
    for (;;) {
      const found = (await this.migrations()).find((migration) => migration.vmUuid === vmUuid);
      if (found && states.includes(found.state)) return found;
      if (Date.now() > deadlineMs) {
        const events = found ? JSON.stringify(await this.events(found.id), null, 1) : 'Drover has no record of it';
        throw new Error(`VM ${vmUuid} is not ${states.join(' or ')} within ${withinMs / 1000} s: ${events}`);
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  events(id: number): Promise<MigrationEvent[]> {
    return this.#control(`/v1/migrations/${id}/events`, z.array(MigrationEvent));
  }

  /** What Prometheus reads. */
  metrics(): Promise<string> {
    return this.#control('/metrics', z.string());
  }

  policy(): Promise<PolicyStatus> {
    return this.#control('/v1/policy', PolicyStatus);
  }

  /** Replaces the policy file and waits until the plugin has read it; the answer says whether it took effect. */
  async setPolicy(text: string): Promise<PolicyStatus> {
    const before = await this.policy();
    if (readFileSync(this.policyFile, 'utf8') === text) return before;
    const stamp = (status: PolicyStatus) => `${status.active} ${status.loadedAtMs} ${status.refused?.atMs}`;
    putPolicy(this.policyFile, text);
    const deadlineMs = Date.now() + POLICY_WITHIN_MS;
    for (;;) {
      const status = await this.policy();
      if (stamp(status) !== stamp(before)) return status;
      if (Date.now() > deadlineMs) throw new Error(`the plugin does not read ${this.policyFile} again`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  /** One call of hostd's own API, as the plugin would make it. */
  async hostd(host: string, method: string, path: string, body?: unknown): Promise<RestAnswer> {
    const found = this.#lab.hosts.find((candidate) => candidate.name === host);
    if (!found) throw new Error(`${host} is no host of lab ${this.#lab.name}`);
    const options = { tls: this.#tls('plugin'), ...(body === undefined ? {} : { body }) };
    return this.#lab.rest.send(method, `https://${found.address}:${HOSTD_PORT}${path}`, options);
  }

  log(name: string): string {
    return readFileSync(this.#logFile(name), 'utf8');
  }

  async #control<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const answer = await axios.get(`http://control${path}`, { socketPath: this.socket, proxy: false, timeout: 5000 });
    return schema.parse(answer.data);
  }

  #tls(name: string): { ca: string; cert: string; key: string } {
    const at = (file: string) => join(this.folder, 'tls', file);
    return { ca: at('ca.crt'), cert: at(`${name}.crt`), key: at(`${name}.key`) };
  }

  #write(name: string, content: object): string {
    const file = join(this.folder, name);
    writeFileSync(file, stringify(content));
    return file;
  }

  #logFile(name: string): string {
    return join(this.folder, 'log', `${name}.log`);
  }

  #spawn(where: string, name: string, argv: string[]): ChildProcess {
    const log = openSync(this.#logFile(name), 'a');
    const child = this.#lab.spawnOn(where, argv, { stdio: ['ignore', log, log] });
    closeSync(log);
    return child;
  }

  async #until(ready: () => Promise<boolean>, child: ChildProcess, name: string): Promise<void> {
    const deadlineMs = Date.now() + START_WITHIN_MS;
    while (!(await ready().catch(() => false))) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`${name} ended at its start; read ${this.#logFile(name)}`);
      }
      if (Date.now() > deadlineMs) {
        throw new Error(`${name} is not ready after ${START_WITHIN_MS / 1000} s; read ${this.#logFile(name)}`);
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

/** The shipped policy's text. */
export function shippedPolicy(name: string): string {
  const file = join(ROOT, 'policies', name);
  if (!existsSync(file)) throw new Error(`${file} is missing`);
  return readFileSync(file, 'utf8');
}

async function end(child: ChildProcess | undefined, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await ended;
  clearTimeout(timer);
}
