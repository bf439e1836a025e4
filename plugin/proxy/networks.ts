import { BlockList, isIP } from 'node:net';

/**
 * The set of these networks (`10.0.0.0/8`, `fd00::/8`, or single addresses).
 *
 * @throws Error naming the one that is none
 */
export function networks(list: readonly string[]): BlockList {
  const all = new BlockList();
  for (const text of list) {
    const [address = '', prefix] = text.split('/');
    const version = isIP(address);
    const bits = version === 6 ? 128 : 32;
    const length = prefix === undefined ? bits : Number(prefix);
    if (version === 0 || !/^\d*$/.test(prefix ?? '') || prefix === '' || length > bits) {
      throw new Error(`"${text}" is no network: write 10.0.0.0/8, fd00::/8 or a single address`);
    }
    all.addSubnet(address, length, version === 6 ? 'ipv6' : 'ipv4');
  }
  return all;
}

export function contains(list: BlockList, address: string): boolean {
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
