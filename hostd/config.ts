import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { isMap, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { isIpv6 } from './address.ts';
import { describeError, HostdError } from './errors.ts';

const address = z
  .string()
  .refine((text) => isIP(text) !== 0 && !text.includes('%'), 'an IPv4 or IPv6 address is wanted, without a zone (%)');
const cidr = z.string().refine(isCidr, 'an address block such as 10.0.0.0/24 or fd00::/64 is wanted');

/** The program that classifies packets names each: tc can send no longer one (MAX_MSG in iproute2's tc_filter.c). */
const MOST_PEERS = 32;

/** hostd.yaml. Paths are taken relative to the file. */
const Config = z.strictObject({
  /** Nova's name of this compute host (`openstack compute service list`). */
  host: z.string().min(1),
  /** The NIC that carries tenant and migration traffic. tc reads its batch lines as words: no quotes and no `#`. */
  nic: z.string().regex(/^[^\s/:#'"\\]{1,15}$/, 'the name of a network interface, without quotes, # or white space'),
  listen: z.strictObject({ address, port: z.number().int().min(0).max(65535) }),
  tls: z.strictObject({ cert: z.string(), key: z.string(), ca: z.string() }),
  /** What each client may do, by the common name of its certificate. Who is not named may do nothing. */
  clients: z.record(z.string().min(1), z.enum(['read', 'reserve'])),
  stateDir: z.string().default('/var/lib/drover-hostd'),
  /** Wanted where the NIC does not know its speed or something outside limits it further. */
  linkMegabitsPerSecond: z.number().positive().max(10_000_000).optional(),
  /** Classes stay this much below the link, so that the queue is here and not in the switch. */
  shapeFraction: z.number().min(0.1).max(1).default(0.96),
  /** Kept for ssh, libvirt, RabbitMQ, ARP and hostd's own port. */
  controlMegabitsPerSecond: z.number().positive().default(5),
  /** Rates are the mean of this time. */
  windowMs: z.number().int().min(1000).max(60_000).default(5000),
  /** How VM traffic is counted; `auto` chooses by what the host's switch is. */
  counting: z.enum(['auto', 'nftables', 'iptables', 'tap']).default('auto'),
  /** How often the dirty rate of each VM is measured, in windows of 1 s and 4 s; 0: never. */
  dirtyRateEveryMs: z.union([z.literal(0), z.number().int().min(10_000)]).default(60_000),
  novaConf: z.string().default('/etc/nova/nova.conf'),
  migration: z.strictObject({
    /** Default: live_migration_inbound_addr, else my_ip, of nova.conf. */
    address: address.optional(),
    /** Address blocks of all hosts' migration addresses: a tenant's flow on the same ports must not count. */
    peers: z.array(cidr).min(1).max(MOST_PEERS),
  }),
  /**
   * VLAN ids, the outermost first, that packets of the host's own addresses bear on the NIC. Read from the kernel's
   * interfaces where none are set; wanted where Open vSwitch writes the tags.
   */
  vlans: z.record(address, z.array(z.number().int().min(1).max(4094)).max(2)).default({}),
  libvirtUri: z.string().min(1).default('qemu:///system'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});
export type Config = z.infer<typeof Config>;

/** @throws HostdError `config-invalid` that names file, line, column and what is wanted there. */
export function readConfig(file: string): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new HostdError('config-invalid', `Cannot read the configuration file: ${describeError(error)}`);
  }
  const config = parseConfig(text, file);
  const at = (path: string) => resolve(dirname(file), path);
  return {
    ...config,
    tls: { cert: at(config.tls.cert), key: at(config.tls.key), ca: at(config.tls.ca) },
    stateDir: at(config.stateDir),
    novaConf: at(config.novaConf),
  };
}

/** @throws HostdError `config-invalid`; `file` is only named in it. */
export function parseConfig(text: string, file: string): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    throw new HostdError(
      'config-invalid',
      faults.map((fault) => `${at(fault.pos[0])}: ${fault.message.split('\n')[0]}`).join('\n'),
    );
  }
  const parsed = Config.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
    const path = [...issue.path, ...unknown].map((step) => (typeof step === 'symbol' ? String(step) : step));
    return `${at(offsetOf(document.contents, path))}: ${path.join('.') || '(top)'}: ${issue.message}`;
  });
  throw new HostdError('config-invalid', problems.join('\n'));
}

/** Where the deepest part of the path that exists begins: its key, or the value inside a list. */
function offsetOf(node: unknown, path: readonly (string | number)[]): number {
  const start = (value: unknown) => (value as { range?: [number, number, number] } | null)?.range?.[0] ?? 0;
  const [step, ...rest] = path;
  if (step === undefined || node === null) return start(node);
  if (isMap(node)) {
    const pair = node.items.find((item) => String(item.key) === String(step));
    if (pair === undefined) return start(node);
    return rest.length === 0 || !isCollection(pair.value) ? start(pair.key) : offsetOf(pair.value, rest);
  }
  const items = (node as { items?: unknown[] }).items;
  const item = items?.[Number(step)];
  return item === undefined ? start(node) : offsetOf(item, rest);
}

/** Why migrations at this address would not be known as such, null if they would. */
export function whyNoPeers(address: string, peers: readonly string[]): string | null {
  const family = isIpv6(address) ? 'IPv6' : 'IPv4';
  if (peers.some((peer) => isIpv6(peer) === isIpv6(address))) return null;
  return (
    `migration.peers: the migration address ${address} is ${family} and no ${family} block is among the peers. ` +
    "Add the block of all hosts' migration addresses, or set migration.address to one of the peers' family."
  );
}

function isCollection(node: unknown): boolean {
  return Array.isArray((node as { items?: unknown } | null)?.items);
}

function isCidr(text: string): boolean {
  const [block = '', length, ...more] = text.split('/');
  const bits = isIP(block) === 4 ? 32 : isIP(block) === 6 ? 128 : -1;
  return more.length === 0 && length !== undefined && /^\d{1,3}$/.test(length) && Number(length) <= bits;
}
