import { addressWords } from '../address.ts';
import type { InterfaceAddress } from '../measure/count/addresscodec.ts';
import type { Link } from '../measure/count/linkcodec.ts';

/** The host's interfaces and addresses, as the kernel tells them. */
export interface Interfaces {
  links: readonly Link[];
  addresses: readonly InterfaceAddress[];
}

/** Interfaces can be stacked 8 deep (MAX_NEST_DEV in linux/netdevice.h). */
const MAX_DEPTH = 8;

/**
 * The VLAN ids that packets of this address bear on the NIC, the outermost first; null if the address is on no interface
 * that leads there untunnelled.
 *
 * | the address is on | tags |
 * |---|---|
 * | nic0, or a bridge with the port nic0 | none |
 * | nic0.100, or a bridge with the port nic0.100 | 100 |
 * | br0.100, on a bridge with the port nic0 | 100 |
 * | nic0.10.20 | 10, 20 |
 * | a vxlan device, another NIC | null |
 *
 * @param nic - its name, one character a byte.
 */
export function vlansOnNic(address: string, nic: string, { links, addresses }: Interfaces): number[] | null {
  const wanted = addressWords(address).join();
  for (const { index, words } of addresses) {
    if (words.join() !== wanted) continue;
    const link = links.find((each) => each.index === index);
    const vlans = link === undefined ? null : down(link, nic, links, MAX_DEPTH);
    if (vlans !== null) return vlans;
  }
  return null;
}

function down(link: Link, nic: string, links: readonly Link[], depth: number): number[] | null {
  if (link.name === nic) return [];
  if (depth === 0) return null;
  const next =
    link.kind === 'bridge'
      ? links.filter(({ master }) => master === link.index)
      : ['vlan', 'macvlan', 'ipvlan'].includes(link.kind)
        ? links.filter(({ index }) => index === link.link)
        : [];
  for (const each of next) {
    const vlans = down(each, nic, links, depth - 1);
    if (vlans !== null) return link.kind === 'vlan' ? [...vlans, link.vlan] : vlans;
  }
  return null;
}

/** Why classes on this interface would not hold its traffic, and what to name instead; null if they do. */
export function whyNotShapeable(nic: string, links: readonly Link[]): string | null {
  const link = links.find(({ name }) => name === nic);
  if (link === undefined) return null;
  const master = links.find(({ index }) => index === link.master);
  // A bond picks the port behind the queueing of the bond itself; what enters is taken from the port at once.
  if (master !== undefined && (master.kind === 'bond' || master.kind === 'team')) {
    return `${nic} is a port of the ${master.kind} ${master.name}, which sends through several. Set "nic: ${master.name}".`;
  }
  if (!link.ethernet)
    return `${nic} has no Ethernet frames. Set "nic" to the Ethernet NIC or bond that carries the VMs' traffic.`;
  return null;
}
