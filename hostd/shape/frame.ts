/** Lengths and numbers in a frame that the classifier's parts look for (IEEE 802.3, 802.1Q; IANA's protocol numbers). */
export const ETHERNET_BYTES = 14;
export const TAG_BYTES = 4;
export const IPV6_BYTES = 40;
export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, stackedVlan: 0x88a8 } as const;
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;
