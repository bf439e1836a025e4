import { BlockList, isIP } from 'node:net';

/** Is the address in one of the blocks? */
export function isWithin(address: string, blocks: readonly string[]): boolean {
  const list = new BlockList();
  for (const block of blocks) {
    const [base = '', length] = block.split('/');
    list.addSubnet(base, Number(length), familyOf(base));
  }
  return list.check(address, familyOf(address));
}

export function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

/**
 * An address of the block that is not this host's own, to ask the way to: one of its first, as hosts are numbered.
 *
 * | block         | own                | sample   |
 * |---------------|--------------------|----------|
 * | 10.0.0.0/24   | 10.0.0.9           | 10.0.0.1 |
 * | 10.0.0.0/24   | 10.0.0.1, 10.0.0.2 | 10.0.0.3 |
 * | 10.0.0.7/32   | 10.0.0.1           | 10.0.0.7 |
 * | fd00::/64     | fd00::9            | fd00::1  |
 */
export function samplePeer(block: string, own: readonly string[]): string {
  const [base = '', length = ''] = block.split('/');
  const ipv6 = familyOf(base) === 'ipv6';
  if (Number(length) >= (ipv6 ? 126 : 30)) return base;
  const first = [1, 2, 3].map((step) => (ipv6 ? plusIpv6(base, step) : plusIpv4(base, step)));
  return first.find((address) => !own.includes(address)) ?? base;
}

function plusIpv4(base: string, step: number): string {
  const bytes = base.split('.').map(Number);
  return [...bytes.slice(0, 3), ((bytes[3] ?? 0) & 0xfc) + step].join('.');
}

/** A block's address ends with `::` or with its last group. */
function plusIpv6(base: string, step: number): string {
  if (base.endsWith('::')) return `${base}${step}`;
  const groups = base.split(':');
  const last = (Number.parseInt(groups.at(-1) ?? '0', 16) & 0xfffc) + step;
  return [...groups.slice(0, -1), last.toString(16)].join(':');
}
