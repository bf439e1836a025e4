/** What a plan file shows of one migration. */
interface Seen {
  from: number;
  to: number;
  bw?: number | undefined;
  start?: number | undefined;
  seconds?: number | undefined;
}

/** Kherbache's Grid'5000 testbed: nodes 0 and 1 have 500 Mbit/s, 2 and 3 have 1000; its plans carry no network. */
const THESIS_TESTBED = new Map([
  [0, 500],
  [1, 500],
  [2, 1000],
  [3, 1000],
]);

/**
 * The NICs of a plan that carries no network. The thesis' testbed where the file agrees with it: the same nodes, and
 * each migration has the smaller NIC of its two ends. Else what the plan itself shows: at least what it sends through a
 * NIC at one time; the default where it shows nothing.
 */
export function nicsOfPlan(nodes: readonly number[], seen: readonly Seen[], defaultMbitPerSecond: number) {
  const nic = (node: number) => THESIS_TESTBED.get(node) ?? 0;
  const isTestbed =
    nodes.length === THESIS_TESTBED.size &&
    nodes.every((node) => THESIS_TESTBED.has(node)) &&
    seen.length > 0 &&
    seen.every(({ from, to, bw }) => bw === Math.min(nic(from), nic(to)));
  if (isTestbed) {
    return { mbitPerSecond: THESIS_TESTBED, note: 'no network in the file: NICs as in the Grid’5000 testbed of mVM' };
  }
  const shown = nodes.map((node): [number, number] => {
    const most = Math.max(...(['from', 'to'] as const).map((end) => peak(seen.filter((one) => one[end] === node))));
    return [node, most > 0 ? most : defaultMbitPerSecond];
  });
  return {
    mbitPerSecond: new Map(shown),
    note: `no network in the file: each NIC carries what the plan sends through it at one time, else ${defaultMbitPerSecond} Mbit/s`,
  };
}

function peak(seen: readonly Seen[]): number {
  const sums = seen.map(({ start = 0 }) =>
    seen.reduce(
      (sum, { start: other = 0, seconds = 0, bw = 0 }) => (other <= start && start < other + seconds ? sum + bw : sum),
      0,
    ),
  );
  return Math.max(0, ...sums);
}
