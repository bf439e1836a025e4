import { z } from 'zod';

/** Ethernet header: nft counts from layer 3, the NIC's own counters with these 14 bytes per packet. */
export const ETHERNET_HEADER_BYTES = 14;

/** QEMU's migration streams: the 64 ports that libvirt takes from (qemu.conf, migration_port_min and _max). */
export const MIGRATION_PORTS = { first: 0xc000, mask: 0xffc0, last: 0xc03f } as const;

export interface MigrationMatch {
  address: string;
  /** CIDR blocks of the other hosts' migration addresses. */
  peers: readonly string[];
}

/**
 * The rules that count. One dynamic set counts every pair of bridge ports, so there is no rule per tap. Priority 400:
 * after all filters, so that only what is really forwarded counts, and after br_netfilter's hook at 0, which steals the
 * packet and goes on with later priorities only (net/bridge/br_netfilter_hooks.c) - a table at 0 counts nothing if the
 * first bridge was made after it. The set is kept over restarts; the chains are written anew, for rules would add up.
 */
export function countingRules(match: MigrationMatch): string {
  const ipv6 = match.address.includes(':');
  const family = ipv6 ? 'ip6' : 'ip';
  const peers = match.peers.filter((peer) => peer.includes(':') === ipv6);
  const ports = `${MIGRATION_PORTS.first}-${MIGRATION_PORTS.last}`;
  const rules = (chain: string, own: string, other: string) => [
    `add chain inet drover ${chain} { type filter hook ${chain} priority 400; policy accept; }`,
    `flush chain inet drover ${chain}`,
    ...['dport', 'sport'].map(
      (port) =>
        `add rule inet drover ${chain} ${family} ${own} ${match.address} ${family} ${other} { ${peers.join(', ')} } ` +
        `tcp ${port} ${ports} counter name migration_${chain === 'output' ? 'tx' : 'rx'}`,
    ),
  ];
  return [
    'add table bridge drover',
    'add set bridge drover pairs { type ifname . ifname; size 65536; flags dynamic,timeout; timeout 1h; counter; }',
    'add chain bridge drover forward { type filter hook forward priority 400; policy accept; }',
    'flush chain bridge drover forward',
    'add rule bridge drover forward update @pairs { iifname . oifname }',
    'add table inet drover',
    'add counter inet drover migration_tx',
    'add counter inet drover migration_rx',
    ...(peers.length === 0 ? [] : [...rules('output', 'saddr', 'daddr'), ...rules('input', 'daddr', 'saddr')]),
    '',
  ].join('\n');
}

/** What `nft -j` is asked for at every reading, in one call each: nft 1.0.6 finds only one family's table per call. */
export const LIST_PAIRS = ['list', 'set', 'bridge', 'drover', 'pairs'] as const;
export const LIST_COUNTERS = ['list', 'counters', 'table', 'inet', 'drover'] as const;

const Counter = z.object({ packets: z.number(), bytes: z.number() });
const Element = z.object({
  elem: z.object({ val: z.object({ concat: z.tuple([z.string(), z.string()]) }), counter: Counter }),
});
const Document = z.object({
  nftables: z.array(
    z.object({
      set: z.object({ elem: z.array(Element).optional() }).optional(),
      counter: Counter.extend({ name: z.string() }).optional(),
    }),
  ),
});

export interface NftCounters {
  /** Bytes with Ethernet headers from one bridge port to another, keyed by pairKey. */
  pairs: Map<string, number>;
  migrationTxBytes: number;
  migrationRxBytes: number;
}

/** Neither name can hold a slash (dev_valid_name in net/core/dev.c). */
export function pairKey(from: string, to: string): string {
  return `${from}/${to}`;
}

/** Bytes as the NIC would count them. Offloaded packets of many segments count one header, as on a virtual NIC. */
export function parseNftCounters(answers: readonly string[]): NftCounters {
  const counters: NftCounters = { pairs: new Map(), migrationTxBytes: 0, migrationRxBytes: 0 };
  for (const answer of answers) {
    for (const item of Document.parse(JSON.parse(answer)).nftables) {
      for (const { elem } of item.set?.elem ?? []) {
        counters.pairs.set(pairKey(...elem.val.concat), onWire(elem.counter));
      }
      if (item.counter?.name === 'migration_tx') counters.migrationTxBytes = onWire(item.counter);
      if (item.counter?.name === 'migration_rx') counters.migrationRxBytes = onWire(item.counter);
    }
  }
  return counters;
}

function onWire(counter: z.infer<typeof Counter>): number {
  return counter.bytes + ETHERNET_HEADER_BYTES * counter.packets;
}
