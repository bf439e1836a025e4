/** The lab for programs: tests, the demo, the evaluation. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { CLIENT_ENVIRONMENT } from './config/identity.ts';
import { Courier } from './courier.ts';
import { enter, hostProcess, type Where } from './namespaces.ts';
import {
  CONTROL_ADDRESS,
  checkOptions,
  DEFAULT_OPTIONS,
  type LabOptions,
  type LabPaths,
  labPaths,
  planHosts,
} from './plan.ts';
import { CLEAN_ENVIRONMENT, daemonPid, type Output, type RunOptions, run } from './processes.ts';
import { setPublicCompute } from './resources.ts';
import { Rest, type RestAnswer, type RestOptions, SERVICE_URLS } from './rest.ts';
import { readStatus } from './status.ts';
import { up } from './up.ts';

export interface LabHost {
  name: string;
  /** Management and migration address. */
  address: string;
  namespace: string;
  /** The process that holds the host's network, mount and UTS namespaces. */
  pid: number;
}

export interface SpawnInLabOptions {
  env?: Record<string, string>;
  stdio?: StdioOptions;
  /** Default: yes, a session of its own; the caller ends it by its pid. */
  detached?: boolean;
}

export interface OpenstackOptions extends RunOptions {
  /** Compute API to use instead of the catalogue's, e.g. `http://10.77.0.1:8775/v2.1`. */
  computeEndpoint?: string;
}

/** A running lab. Closing it ends the two small processes that carry requests inside; the lab itself stays up. */
export class Lab {
  readonly name: string;
  readonly options: LabOptions;
  readonly paths: LabPaths;
  readonly hosts: LabHost[];
  readonly controlAddress = CONTROL_ADDRESS;
  readonly rest: Rest;
  readonly #control: Courier;
  readonly #peer: Courier;

  constructor(options: LabOptions, paths: LabPaths) {
    this.name = options.name;
    this.options = options;
    this.paths = paths;
    this.hosts = planHosts(options).map(({ name, address, namespace }) => {
      const pid = daemonPid(paths, hostProcess(name));
      if (pid === undefined) throw new Error(`lab ${options.name}: no process of ${name} is known in ${paths.pids}`);
      return { name, address, namespace, pid };
    });
    this.#control = new Courier((argv) => this.enter('control', argv));
    this.#peer = new Courier((argv) => this.enter('peer', argv));
    this.rest = new Rest(this.#control);
  }

  close(): void {
    this.#control.close();
    this.#peer.close();
  }

  /** The argument vector that runs `argv` in a place. */
  enter(where: Where, argv: string[]): string[] {
    return enter(this.name, this.paths, where, argv);
  }

  host(name: string): LabHost {
    const host = this.hosts.find((one) => one.name === name);
    if (!host) throw new Error(`lab ${this.name} has no host ${JSON.stringify(name)}`);
    return host;
  }

  /** Any host but this one. */
  otherHost(name: string): LabHost {
    const host = this.hosts.find((one) => one.name !== name);
    if (!host) throw new Error(`lab ${this.name} has no host beside ${name}`);
    return host;
  }

  /** Runs a command to its end. Its environment is clean but for `env`. */
  runOn(where: Where, argv: string[], options: RunOptions = {}): Promise<Output> {
    return run(this.enter(where, argv), options);
  }

  /** @returns the standard output. @throws {Error} unless the command ends with 0 */
  async mustOn(where: Where, argv: string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.runOn(where, argv, options);
    if (code !== 0) throw new Error(`${where}: "${argv.join(' ')}" ended with ${code}: ${(stderr || stdout).trim()}`);
    return stdout;
  }

  /** Starts a command. nsenter executes it in its own place, so the child's pid is the command's. */
  spawnOn(where: Where, argv: string[], options: SpawnInLabOptions = {}): ChildProcess {
    const [command = '', ...args] = this.enter(where, argv);
    return spawn(command, args, {
      env: { ...CLEAN_ENVIRONMENT, ...options.env },
      stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
      detached: options.detached ?? true,
    });
  }

  /**
   * The stock client as admin. openstackclient 6.0 reaches compute through novaclient and gives it no endpoint
   * override (`OS_COMPUTE_ENDPOINT_OVERRIDE` changes other services only), so `computeEndpoint` logs in by token and
   * address (`--os-auth-type admin_token`): then the client speaks to that address only. For everything else see
   * `swapComputeEndpoint`.
   */
  async openstack(argv: string[], options: OpenstackOptions = {}): Promise<Output> {
    const { computeEndpoint, ...rest } = options;
    const version = { OS_COMPUTE_API_VERSION: CLIENT_ENVIRONMENT.OS_COMPUTE_API_VERSION ?? '2.1' };
    const login =
      computeEndpoint === undefined
        ? CLIENT_ENVIRONMENT
        : { ...version, OS_AUTH_TYPE: 'admin_token', OS_ENDPOINT: computeEndpoint, OS_TOKEN: await this.rest.token() };
    return this.runOn('control', ['/usr/bin/openstack', ...argv], { ...rest, env: { ...login, ...rest.env } });
  }

  /** One call of Nova's API with the newest microversion, whatever its status. `path` begins with a slash. */
  nova(method: string, path: string, body?: unknown, options: RestOptions = {}): Promise<RestAnswer> {
    return this.rest.call(method, `${SERVICE_URLS.compute}${path}`, {
      ...options,
      ...(body === undefined ? {} : { body }),
    });
  }

  /** Like `nova`. @throws {Error} for a status of 400 and above */
  mustNova(method: string, path: string, body?: unknown): Promise<RestAnswer> {
    return this.rest.must(method, `${SERVICE_URLS.compute}${path}`, body === undefined ? {} : { body });
  }

  /**
   * Points the catalogue's public compute endpoint at `url`: new tokens carry it at once, old ones keep what they have.
   * OpenStack's own services use the internal one, which stays.
   * @returns puts Nova's own address back
   */
  async swapComputeEndpoint(url: string): Promise<() => Promise<void>> {
    await setPublicCompute(this.rest, url);
    return () => setPublicCompute(this.rest, SERVICE_URLS.compute);
  }

  /** Sends one line from the peer, as a client outside would, and gives the line that comes back. */
  async line(host: string, port: number, line: string, timeoutMs: number): Promise<string> {
    return (await this.#peer.request({ kind: 'line', host, port, line, timeoutMs })).body;
  }
}

/** @throws {Error} saying what is missing, unless the lab is completely up */
export async function openLab(name: string = DEFAULT_OPTIONS.name): Promise<Lab> {
  const paths = labPaths(name);
  const status = await readStatus(name, paths);
  if (!status.up || status.options === undefined) {
    const missing = status.dead.length > 0 ? ` (not running: ${status.dead.join(', ')})` : '';
    throw new Error(`lab ${name} is not up${missing}: npm run lab -- up --name ${name}`);
  }
  return new Lab(status.options, paths);
}

/**
 * Opens the lab, and brings it up first if it is not. A lab that is up is taken as it is if `options` does not say
 * otherwise.
 */
export async function ensureLab(
  name: string = DEFAULT_OPTIONS.name,
  options: Partial<Omit<LabOptions, 'name'>> = {},
): Promise<Lab> {
  const status = await readStatus(name, labPaths(name));
  const base = status.up && status.options ? status.options : DEFAULT_OPTIONS;
  await up(checkOptions({ ...base, ...options, name }), (text) => console.error(text));
  return openLab(name);
}
