import { isIpv6 } from '../address.ts';
import { shownName } from './count/netlink.ts';
import type { Topology } from './count/uplinks.ts';

/** QEMU's migration streams: the 64 ports that libvirt takes from (qemu.conf, migration_port_min and _max). */
export const MIGRATION_PORTS = { first: 0xc000, mask: 0xffc0, last: 0xc03f } as const;

/** Which of the host's own packets are migration and which control traffic. Addresses are IPv4 or IPv6. */
export interface OwnTraffic {
  migrationAddresses: readonly string[];
  /** CIDR blocks of the other hosts' migration addresses. */
  peers: readonly string[];
  /** The host's own addresses, those for migration among them. */
  ownAddresses: readonly string[];
  /** TCP ports of either side: ssh, libvirt, RabbitMQ, hostd. */
  controlPorts: readonly number[];
}

export const OWN_COUNTERS = ['migration_tx', 'migration_rx', 'control_tx', 'control_rx'] as const;
export type OwnCounter = (typeof OWN_COUNTERS)[number];

export const TABLE = 'drover';
export const PAIRS = 'pairs';

/** The family of the table that counts the host's own packets. */
export function ownFamily(topology: Topology): 'bridge' | 'inet' {
  return topology.nicBridge !== null ? 'bridge' : 'inet';
}

/**
 * The nft rules that count. One dynamic set counts every pair of a bridge port and an uplink, so there is no rule per
 * tap and what VMs of one host say to each other costs nothing and is not in it. Priority 400: after all filters, so that
 * only what is really forwarded counts, and after br_netfilter's hook at 0, which steals the packet and goes on with
 * later priorities only (net/bridge/br_netfilter_hooks.c) - a table at 0 counts nothing if the first bridge was made
 * after it. Sets and counters are kept over restarts; the chains are written anew, for rules would add up.
 *
 * The host's own packets are counted where it is known that they pass the NIC: at the bridge port if the NIC is one,
 * else at the interfaces that lead to it. Migration is judged before control.
 */
export function nftRules(topology: Topology, own: OwnTraffic | null, countPairs: boolean): string {
  const family = ownFamily(topology);
  const lines = ['add table bridge drover', 'add table inet drover'];
  if (own === null || family !== 'inet') lines.push('delete table inet drover');
  if (countPairs) lines.push(...pairRules(topology));
  if (own !== null) lines.push(...ownRules(family, topology, own));
  return `${lines.join('\n')}\n`;
}

function pairRules({ uplinks }: Topology): string[] {
  const names = uplinks.map(({ name }) => quoted(name)).filter((name) => name !== null);
  const set = '@pairs { iifname . oifname }';
  return [
    'add set bridge drover pairs { type ifname . ifname; size 65536; flags dynamic,timeout; timeout 1h; counter; }',
    'add chain bridge drover forward { type filter hook forward priority 400; policy accept; }',
    'flush chain bridge drover forward',
    ...(names.length === 0
      ? []
      : [
          `add rule bridge drover forward iifname { ${names.join(', ')} } update ${set} accept`,
          `add rule bridge drover forward oifname { ${names.join(', ')} } update ${set}`,
        ]),
  ];
}

function ownRules(family: 'bridge' | 'inet', topology: Topology, own: OwnTraffic): string[] {
  const devices = family === 'bridge' ? [topology.nic] : topology.ownDevices;
  const lines: string[] = OWN_COUNTERS.map((name) => `add counter ${family} drover ${name}`);
  for (const [chain, end, far, direction] of [
    ['output', 'saddr', 'daddr', 'tx'],
    ['input', 'daddr', 'saddr', 'rx'],
  ] as const) {
    const interfaces = deviceMatch(chain === 'output' ? 'oifname' : 'iifname', devices);
    const rule = (match: string, counter: OwnCounter) =>
      `add rule ${family} drover ${chain} ${interfaces} ${match} counter name ${counter} accept`;
    lines.push(
      `add chain ${family} drover ${chain} { type filter hook ${chain} priority 400; policy accept; }`,
      `flush chain ${family} drover ${chain}`,
    );
    for (const [ip, v6] of [
      ['ip', false],
      ['ip6', true],
    ] as const) {
      const [migration, peers, mine] = [own.migrationAddresses, own.peers, own.ownAddresses].map((list) =>
        [...new Set(list)].filter((each) => isIpv6(each) === v6).join(', '),
      );
      const both = (match: string, ports: string, counter: OwnCounter) =>
        ['dport', 'sport'].map((port) => rule(`${match} tcp ${port} ${ports}`, counter));
      if (migration && peers) {
        const flow = `${ip} ${end} { ${migration} } ${ip} ${far} { ${peers} }`;
        lines.push(...both(flow, `${MIGRATION_PORTS.first}-${MIGRATION_PORTS.last}`, `migration_${direction}`));
      }
      if (mine) {
        const host = `${ip} ${end} { ${mine} }`;
        const control = `control_${direction}` as const;
        lines.push(...both(host, `{ ${own.controlPorts.join(', ')} }`, control));
        if (!v6) lines.push(rule(`${host} meta l4proto icmp`, control));
      }
      // Neighbour discovery has link-local addresses and none at all.
      if (v6) lines.push(rule('meta l4proto ipv6-icmp', `control_${direction}`));
    }
  }
  return lines;
}

function deviceMatch(key: 'iifname' | 'oifname', devices: readonly string[] | null): string {
  const names = devices?.map(quoted).filter((name) => name !== null) ?? [];
  return names.length === 0 ? `${key} != "lo"` : `${key} { ${names.join(', ')} }`;
}

/** A name as nft reads it, null if it cannot be said there: a final `*` would match others, a quote would end it. */
function quoted(name: string): string | null {
  const text = shownName(name);
  return /^[^"\\*\n\ufffd]+$/.test(text) ? `"${text}"` : null;
}
