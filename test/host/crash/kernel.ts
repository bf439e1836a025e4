/** What tc and ip say of the rig's host, read without hostd's code. */
import type { Rig } from '../rig.ts';
import type { DiskLease } from './book.ts';
import { differences, expectedClasses, expectedWayBack, type Link, type LinkClasses, shownClasses } from './oracle.ts';

const MARK = '---- next ----';
const COMMANDS = {
  qdiscs: 'tc -r qdisc show dev nic0',
  qdiscsJson: 'tc -r -j qdisc show dev nic0',
  classes: 'tc class show dev nic0',
  filters: 'tc filter show dev nic0',
  redirect: 'tc filter show dev nic0 parent ffff:',
  allQdiscs: 'tc qdisc show',
  ifbs: 'ip -o link show type ifb',
  ifbClasses: 'tc class show dev drover-ifb0 2>/dev/null',
  ifbFilters: 'tc filter show dev drover-ifb0 2>/dev/null',
} as const;

export type KernelState = Readonly<Record<keyof typeof COMMANDS, string>>;

export async function readKernel(rig: Rig): Promise<KernelState> {
  const script = Object.values(COMMANDS).join(`; echo '${MARK}'; `);
  // The last command fails where there is no IFB.
  const parts = (await rig.exec(rig.host, 'sh', '-c', `${script}; true`)).split(`${MARK}\n`);
  return Object.fromEntries(Object.keys(COMMANDS).map((name, index) => [name, parts[index] ?? ''])) as KernelState;
}

/** To the byte; HTB's own counter is no setting. */
export function wholeText(state: KernelState): string {
  return Object.values(state)
    .join(MARK)
    .replace(/(direct_packets_stat"?[: ])\d+/g, '$1N');
}

/** What belongs to the way out only. */
function outward({ qdiscs, classes, filters }: KernelState): string {
  const own = qdiscs.split('\n').filter((line) => !/^qdisc (ingress|clsact) /.test(line));
  return [...own, classes, filters].join('\n').replace(/direct_packets_stat \d+/g, 'direct_packets_stat N');
}

export interface Standard {
  found: KernelState;
  /** The filters of NIC and IFB as an undisturbed hostd makes them; null where that direction is refused. */
  filters: { tx: string | null; rx: string | null };
  link: Link;
}

const IFB = /^\d+: drover-ifb0: <[^>]*\bUP\b[^>]*>.* link\/ether 02:d7:07:1f:b0:00 /;

/** Everything in which the kernel is not what the leases on disk add up to. */
export function kernelFaults(state: KernelState, disk: readonly DiskLease[], standard: Standard): string[] {
  const requests = disk.map(({ request }) => request);
  const { found, filters, link } = standard;
  const faults: string[] = [];
  const asked = { tx: expectedClasses(requests, 'tx', link), rx: expectedClasses(requests, 'rx', link) };
  const back = (direction: 'tx' | 'rx', other: LinkClasses | null) =>
    other === null || filters[direction] === null ? null : expectedWayBack(link);
  const tx = asked.tx ?? back('tx', asked.rx);
  const rx = asked.rx ?? back('rx', asked.tx);
  if (tx === null && outward(state) !== outward(found)) {
    faults.push(`tx: the root is not as it was found:\n${outward(state)}\nfound:\n${outward(found)}`);
  }
  if (tx !== null) {
    if (!/^qdisc htb d707: dev nic0 root /m.test(state.allQdiscs)) faults.push('tx: no root of hostd');
    if (state.allQdiscs.match(/^qdisc bfifo d7(10|20|31|32): dev nic0 parent d707:\1 /gm)?.length !== 4)
      faults.push('tx: leaves are missing');
    faults.push(...differences(shownClasses(state.classes), tx).map((text) => `tx: ${text}`));
    if (state.filters !== filters.tx) faults.push(`tx: the filters are\n${state.filters}`);
  }
  const ifbs = state.ifbs.split('\n').filter((line) => line !== '');
  const redirects = state.redirect.match(/Redirect to device \S+/g) ?? [];
  if (rx === null) {
    if (ifbs.length > 0) faults.push(`rx: an IFB is left: ${state.ifbs}`);
    if (state.redirect !== found.redirect) faults.push(`rx: a redirect is left: ${state.redirect}`);
    const ingress = (text: string) =>
      text
        .split('\n')
        .filter((line) => /^qdisc (ingress|clsact) /.test(line))
        .join();
    if (ingress(state.qdiscs) !== ingress(found.qdiscs)) faults.push(`rx: the ingress qdisc is: ${state.qdiscs}`);
  } else {
    if (ifbs.length !== 1 || !IFB.test(ifbs[0] ?? '')) faults.push(`rx: the IFBs are: ${state.ifbs}`);
    if (redirects.join() !== 'Redirect to device drover-ifb0)') faults.push(`rx: the redirects are: ${state.redirect}`);
    faults.push(...differences(shownClasses(state.ifbClasses), rx).map((text) => `rx: ${text}`));
    if (state.ifbFilters !== filters.rx) faults.push(`rx: the filters are\n${state.ifbFilters}`);
  }
  return faults;
}
