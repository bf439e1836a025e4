/** The lab's names, addresses and paths. Pure: every lab has the same addresses, in its own namespaces. */
import { join } from 'node:path';

export const STATE_ROOT = '/var/lib/drover-lab';
export const CACHE_ROOT = '/var/cache/drover-lab';

/** Control plane: management network of the hosts, and where clients and the plugin reach OpenStack. */
export const CONTROL_ADDRESS = '10.77.0.1';
/** The control plane's own leg in the tenants' network, from which it can reach guests. */
export const CONTROL_TENANT_ADDRESS = '10.79.0.2';
/** The outside world that guests talk to. */
export const PEER_ADDRESS = '10.79.0.1';
/** The peer's address for traffic of the hosts themselves. */
export const PEER_HOST_ADDRESS = '10.77.0.2';
export const TENANT_NETWORK = '10.79.0.0/24';
/** Last byte of the addresses that guests get. */
export const GUEST_BYTES = { first: 50, last: 250 };

export const PORTS = {
  keystone: 5000,
  placement: 8778,
  glance: 9292,
  neutron: 9696,
  nova: 8774,
  rabbit: 5672,
  memcached: 11211,
} as const;

export const AGENT_PORTS = { sink: 5001, source: 5002, command: 7000 } as const;

/** What `up` can be asked for. */
export interface LabOptions {
  /** Prefix of the namespaces and name of the state directory. */
  name: string;
  /** Number of compute hosts, 1-8. */
  hosts: number;
  /** Rate of every host's switch port, both directions, Mbit/s. */
  linkMegabitsPerSecond: number;
  /** Hosts whose Nova does not permit post-copy. */
  withoutPostCopy: string[];
  /** Nova's `max_concurrent_live_migrations` on every host. */
  maxLiveMigrations: number;
}

export const DEFAULT_OPTIONS: LabOptions = {
  name: 'drover',
  hosts: 2,
  linkMegabitsPerSecond: 500,
  withoutPostCopy: [],
  maxLiveMigrations: 4,
};

/** One compute host. */
export interface HostPlan {
  /** 1-8. */
  index: number;
  name: string;
  namespace: string;
  address: string;
  mac: string;
  uuid: string;
}

export function controlNamespace(name: string): string {
  return `${name}-control`;
}

export function peerNamespace(name: string): string {
  return `${name}-peer`;
}

export function planHost(labName: string, index: number): HostPlan {
  const byte = 10 + index;
  return {
    index,
    name: `compute-${index}`,
    namespace: `${labName}-compute-${index}`,
    address: `10.77.0.${byte}`,
    mac: `02:00:00:00:01:${byte.toString(16).padStart(2, '0')}`,
    uuid: `00000000-0000-4000-8000-${byte.toString().padStart(12, '0')}`,
  };
}

export function planHosts(options: Pick<LabOptions, 'name' | 'hosts'>): HostPlan[] {
  return Array.from({ length: options.hosts }, (_, i) => planHost(options.name, i + 1));
}

/** Where a lab keeps its files. */
export interface LabPaths {
  /** The lab's name. */
  name: string;
  state: string;
  etc: string;
  log: string;
  pids: string;
  database: string;
  databaseSocket: string;
  instances: string;
  /** Options of the running lab; exists from the start of `up` to the end of `down`. */
  options: string;
  /** Exists while the lab is completely up. */
  up: string;
  /** Exists once the databases are complete: without it they are made anew. */
  initialised: string;
  /** Held by a running `up` or `down`; not in the state directory, which `down --wipe` deletes. */
  lock: string;
}

export function labPaths(name: string): LabPaths {
  const state = join(STATE_ROOT, name);
  return {
    name,
    state,
    etc: join(state, 'etc'),
    log: join(state, 'log'),
    pids: join(state, 'pids'),
    database: join(state, 'database'),
    databaseSocket: join(state, 'mariadb.sock'),
    instances: join(state, 'instances'),
    options: join(state, 'options.json'),
    up: join(state, 'up'),
    initialised: join(state, 'initialised'),
    lock: `/run/lock/drover-lab-${name}.lock`,
  };
}

/** State directory of one host, bind-mounted into its mount namespace. */
export function hostDirectory(paths: LabPaths, host: HostPlan): string {
  return join(paths.state, host.name);
}

/** @throws {Error} naming the option, what it was and what it may be */
export function checkOptions(options: LabOptions): LabOptions {
  // The longest namespace suffix is `-compute-8`; a UNIX socket's path has 107 bytes.
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(options.name)) {
    throw new Error(`--name ${JSON.stringify(options.name)}: 1-20 of a-z, 0-9 and "-", starting with a letter`);
  }
  checkInteger('--hosts', options.hosts, 1, 8);
  checkInteger('--link', options.linkMegabitsPerSecond, 10, 10_000);
  checkInteger('--max-live-migrations', options.maxLiveMigrations, 0, 64);
  const names = planHosts(options).map((host) => host.name);
  for (const host of options.withoutPostCopy) {
    if (!names.includes(host)) throw new Error(`--no-post-copy ${host}: the hosts are ${names.join(', ')}`);
  }
  return options;
}

function checkInteger(option: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new Error(`${option} ${value}: a whole number from ${least} to ${most}`);
  }
}

/** Address and MAC of a guest. The guest reads the address from its MAC, so neither DHCP nor cloud-init is needed. */
export function planGuest(lastByte: number): { ip: string; mac: string } {
  return { ip: `10.79.0.${lastByte}`, mac: `fa:16:3e:00:00:${lastByte.toString(16).padStart(2, '0')}` };
}
