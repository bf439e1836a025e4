import { addressWords } from '../address.ts';

/** An address of the host, and the VLAN tags that its packets bear on the NIC. */
export interface HostAddress {
  address: string;
  /** VLAN ids, the outermost first; none where packets go untagged. At most two. */
  vlans: readonly number[];
}

/** What of one direction of the NIC's traffic is not the tenants'. */
export interface Classified {
  direction: 'tx' | 'rx';
  /** Addresses of the host itself: control traffic is the host's own, a tenant's ssh is workload. */
  ownAddresses: readonly HostAddress[];
  migration: HostAddress;
  /** CIDR blocks of the other hosts' migration addresses. */
  peers: readonly string[];
  /** TCP ports of control traffic at either end. */
  controlPorts: readonly number[];
}

/** Cells of the program's memory. */
export const TAGS = 0;
export const PORTS = 1;
export const IS_MIGRATION = 2;
export const NEXT_HEADER = 3;

/** The own addresses that are used with the same tags. */
export interface Way {
  /** The VLAN ids in one number, as the program collects them. */
  key: number;
  tags: number;
  addresses: { words: readonly number[]; migrates: boolean }[];
}

export function groupByTags({ ownAddresses, migration }: Classified): Way[] {
  const ways = new Map<number, Way>();
  const all = [
    migration,
    ...ownAddresses.filter((own) => own.address !== migration.address || keyOf(own) !== keyOf(migration)),
  ];
  for (const own of all) {
    const key = keyOf(own);
    const way = ways.get(key) ?? { key, tags: own.vlans.length, addresses: [] };
    ways.set(key, way);
    way.addresses.push({ words: addressWords(own.address), migrates: own === migration });
  }
  return [...ways.values()];
}

function keyOf({ vlans }: HostAddress): number {
  return vlans.reduce((key, id) => key * 0x1000 + id, 0);
}
