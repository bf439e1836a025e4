/** Something that sends through several links at once. Rates in bit/s. */
export interface Sender {
  /** Indices of links, each once. */
  links: readonly number[];
  /** What it is promised; default 0. Promises that a link cannot keep shrink together. */
  atLeast?: number;
  /** It cannot or does not want to send more; default: infinite. */
  atMost?: number;
}

/**
 * Max-min fair rates above what is promised: all grow alike until a link is full; those that cross it then stay, the
 * others go on (Bertsekas & Gallager, Data Networks, 6.5.2). In bit/s, one for each sender.
 *
 * | link 1 of 10 | link 2 of 4 | rates |
 * |---|---|---|
 * | A, B | B, C | A 8, B 2, C 2 |
 * | A, B promised 3 | B, C | A 6.5, B 3.5, C 0.5 |
 */
export function waterfill(capacities: readonly number[], senders: readonly Sender[]): Float64Array {
  const rates = new Float64Array(senders.length);
  const left = Float64Array.from(capacities);
  promise(capacities, senders, rates, left);
  const growing = new Set<number>();
  const crowd = new Int32Array(capacities.length);
  const join = (index: number, by: number) => {
    for (const link of senders[index]?.links ?? []) crowd[link] = (crowd[link] as number) + by;
  };
  senders.forEach(({ links, atMost = Number.POSITIVE_INFINITY }, index) => {
    if (atMost <= (rates[index] as number) || links.some((link) => (left[link] as number) <= 0)) return;
    growing.add(index);
    join(index, 1);
  });
  while (growing.size > 0) {
    let step = Number.POSITIVE_INFINITY;
    for (const index of growing) {
      const { links, atMost = Number.POSITIVE_INFINITY } = senders[index] as Sender;
      step = Math.min(step, atMost - (rates[index] as number));
      for (const link of links) step = Math.min(step, (left[link] as number) / (crowd[link] as number));
    }
    if (step === Number.POSITIVE_INFINITY) {
      for (const index of growing) rates[index] = Number.POSITIVE_INFINITY;
      break;
    }
    for (const index of growing) {
      rates[index] = (rates[index] as number) + step;
      for (const link of senders[index]?.links ?? []) left[link] = (left[link] as number) - step;
    }
    for (const index of growing) {
      const { links, atMost = Number.POSITIVE_INFINITY } = senders[index] as Sender;
      const full = links.some((link) => (left[link] as number) <= FULL * (capacities[link] as number));
      if (!full && (rates[index] as number) < atMost * (1 - FULL)) continue;
      growing.delete(index);
      join(index, -1);
    }
  }
  return rates;
}

/** A link with no more than this share left is full: sums of rates are not exact. */
const FULL = 1e-12;

function promise(
  capacities: readonly number[],
  senders: readonly Sender[],
  rates: Float64Array,
  left: Float64Array,
): void {
  const promised = new Float64Array(capacities.length);
  const wanted = senders.map(({ atLeast = 0, atMost = Number.POSITIVE_INFINITY }) => Math.min(atLeast, atMost));
  senders.forEach(({ links }, index) => {
    for (const link of links) promised[link] = (promised[link] as number) + (wanted[index] as number);
  });
  senders.forEach(({ links }, index) => {
    const own = wanted[index] as number;
    if (own === 0) return;
    const shares = links.map((link) => (capacities[link] as number) / (promised[link] as number));
    const rate = own * Math.min(1, ...shares);
    rates[index] = rate;
    for (const link of links) left[link] = Math.max(0, (left[link] as number) - rate);
  });
}
