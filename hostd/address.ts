/** IPv4 and IPv6 addresses and blocks as numbers. Texts are checked where the configuration is read. */
export interface Block {
  ipv6: boolean;
  /** Each of 32 bits: one of IPv4, four of IPv6. Bits outside the mask are 0. */
  words: readonly number[];
  masks: readonly number[];
}

/** A colon tells the family. */
export function isIpv6(address: string): boolean {
  return address.includes(':');
}

/** The 32-bit words of an address: one, or four of IPv6 (RFC 4291 section 2.2, a dotted tail included). */
export function addressWords(address: string): number[] {
  if (!isIpv6(address)) return [ipv4Word(address)];
  const [head = '', tail] = address.split('::');
  const front = groups(head);
  const back = groups(tail ?? '');
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  return [0, 2, 4, 6].map((index) => ((all[index] ?? 0) * 0x10000 + (all[index + 1] ?? 0)) >>> 0);
}

function ipv4Word(address: string): number {
  return address.split('.').reduce((word, byte) => word * 256 + Number(byte), 0);
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const word = ipv4Word(group);
    return [Math.floor(word / 0x10000), word % 0x10000];
  });
}

/** `10.0.0.0/24`, `fd00::/61`, or an address alone. */
export function parseBlock(cidr: string): Block {
  const [address = '', length] = cidr.split('/');
  const words = addressWords(address);
  const bits = length === undefined ? words.length * 32 : Number(length);
  const masks = words.map((_, index) => {
    const here = Math.min(32, Math.max(0, bits - index * 32));
    return (2 ** 32 - 2 ** (32 - here)) >>> 0;
  });
  return {
    ipv6: isIpv6(address),
    words: words.map((word, index) => (word & (masks[index] ?? 0)) >>> 0),
    masks,
  };
}
