import { ROOT, type Tree, treeOperations } from './htb.ts';
import type { DeviceState, Qdisc } from './kernel.ts';

export const IFB = 'drover-ifb0';

/** What stands, as it was read. */
export interface Seen {
  nic: DeviceState;
  /** Null where there is no IFB of hostd's. */
  ifb: { up: boolean; state: DeviceState } | null;
}

/** hostd's tree of either direction; null: nothing of hostd's. */
export interface Trees {
  tx: Tree | null;
  rx: Tree | null;
}

/** In the order in which they are to be done. */
export interface Steps {
  makeIfb: boolean;
  raiseIfb: boolean;
  /** One tc batch. */
  operations: readonly string[];
  removeIfb: boolean;
}

/**
 * The fewest steps from what stands to what is wanted. The way in is closed first and opened last, so that packets are
 * never sent to a device without its classes.
 *
 * @param rebuild - tc lines that bring back what was found at the root; empty where the kernel does so by itself.
 */
export function planSteps(nic: string, seen: Seen, wanted: Trees, rebuild: readonly string[]): Steps {
  const mine = ownsIngress(seen);
  const open = mine && isOpen(seen);
  const close = mine && (wanted.rx === null || !open) ? [`qdisc del dev ${nic} ingress`] : [];
  const egress =
    wanted.tx === null ? restoreOperations(nic, seen, rebuild) : treeOperations(nic, seen.nic.tree, wanted.tx);
  const ingress = wanted.rx === null ? [] : treeOperations(IFB, seen.ifb?.state.tree ?? null, wanted.rx);
  const redirect =
    wanted.rx === null || open
      ? []
      : [
          `qdisc add dev ${nic} handle ffff: ingress`,
          `filter add dev ${nic} parent ffff: protocol all pref 1 u32 match u32 0 0 action mirred egress redirect dev ${IFB}`,
        ];
  return {
    makeIfb: wanted.rx !== null && seen.ifb === null,
    raiseIfb: wanted.rx !== null && seen.ifb?.up !== true,
    operations: [...close, ...egress, ...ingress, ...redirect],
    removeIfb: wanted.rx === null && seen.ifb !== null,
  };
}

export function isNothing({ makeIfb, raiseIfb, operations, removeIfb }: Steps): boolean {
  return !makeIfb && !raiseIfb && !removeIfb && operations.length === 0;
}

export function rootOf(state: DeviceState): Qdisc | null {
  return state.qdiscs.find(({ parent }) => parent === null) ?? null;
}

/** A root that the kernel made by itself, on every queue of the NIC; a device that was never up has none at all. */
export function isKernelsOwn(state: DeviceState): boolean {
  return state.qdiscs.every(({ handle, parent }) => handle === '0:' || parent === 'ffff:fff1');
}

/**
 * hostd makes its IFB before the ingress qdisc and removes it after. A redirect to a device that is gone swallows every
 * packet: if the IFB was taken away by somebody, what is left of it counts as hostd's own and is put right.
 */
export function ownsIngress({ nic, ifb }: Seen): boolean {
  const { ingress } = nic;
  if (ingress === null || ingress.kind !== 'ingress') return false;
  if (ingress.filters === 0) return ifb !== null;
  return ingress.filters === 1 && (ingress.redirects[0] === IFB || ingress.redirects[0] === '*');
}

function isOpen({ nic }: Seen): boolean {
  return nic.ingress?.filters === 1 && nic.ingress.redirects[0] === IFB;
}

function restoreOperations(nic: string, seen: Seen, rebuild: readonly string[]): readonly string[] {
  const root = rootOf(seen.nic);
  if (rebuild.length === 0) return root?.handle === ROOT ? [`qdisc del dev ${nic} root`] : [];
  // `replace` of the same handle and kind would be a change, which few kinds can.
  const half = root !== null && root.handle !== ROOT && !isKernelsOwn(seen.nic);
  return [...(half ? [`qdisc del dev ${nic} root`] : []), ...rebuild];
}
