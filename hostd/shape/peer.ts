import { type Block, isIpv6, parseBlock } from '../address.ts';
import { MIGRATION_PORTS } from '../measure/netfilter.ts';
import { calculate, goto, ifEqual, type Line, label, load, recall, unlessEqual } from './bpf.ts';
import { PORTS } from './way.ts';

/** Migration if one of the ports is QEMU's and the far end a peer; else perhaps control. */
export function ifPeer(peers: readonly string[], v6: boolean, far: number, name: string): Line[] {
  const blocks = peers.filter((peer) => isIpv6(peer) === v6).map(parseBlock);
  if (blocks.length === 0) return [goto('control ports')];
  const { first, mask } = MIGRATION_PORTS;
  return [
    recall(PORTS),
    calculate('and', mask),
    ifEqual(first, `${name} peers`),
    recall(PORTS),
    calculate('and', mask * 0x10000),
    unlessEqual(first * 0x10000, 'control ports'),
    label(`${name} peers`),
    ...blocks.flatMap((block, index) => ifInBlock(block, far, `${name} peer ${index}`)),
    goto('control ports'),
  ];
}

function ifInBlock({ words, masks }: Block, far: number, name: string): Line[] {
  const compared = words.flatMap((word, index): Line[] => {
    const mask = masks[index] ?? 0;
    if (mask === 0) return [];
    const masked = mask === 0xffff_ffff ? [] : [calculate('and', mask)];
    return [load('word', far + index * 4), ...masked, unlessEqual(word, `${name} not`)];
  });
  return [...compared, goto('migration'), label(`${name} not`)];
}
