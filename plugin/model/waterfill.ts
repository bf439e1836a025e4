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
 *
 * Each round fills a link or satisfies a sender, and looks once at each link that is not full yet: rounds × links, and
 * once all senders.
 */
export function waterfill(capacities: readonly number[], senders: readonly Sender[]): Float64Array {
  const rates = new Float64Array(senders.length);
  const left = Float64Array.from(capacities);
  promise(capacities, senders, rates, left);
  const crowd = new Int32Array(capacities.length);
  const crossing = capacities.map((): number[] => []);
  const grows = new Uint8Array(senders.length);
  const limited: number[] = [];
  let growing = 0;
  senders.forEach(({ links, atMost = Number.POSITIVE_INFINITY }, index) => {
    if (atMost <= (rates[index] as number) || links.some((link) => (left[link] as number) <= 0)) return;
    grows[index] = 1;
    growing++;
    if (atMost < Number.POSITIVE_INFINITY) limited.push(index);
    for (const link of links) {
      crowd[link] = (crowd[link] as number) + 1;
      crossing[link]?.push(index);
    }
  });
  const most = (index: number) => senders[index]?.atMost ?? Number.POSITIVE_INFINITY;
  const room = (index: number) => most(index) - (rates[index] as number);
  limited.sort((a, b) => room(a) - room(b));
  let used = capacities.map((_, link) => link).filter((link) => (crowd[link] as number) > 0);
  /** What each that grows has got above its promise: the same for all. */
  let level = 0;
  const stay = (index: number) => {
    if (grows[index] === 0) return;
    grows[index] = 0;
    growing--;
    rates[index] = Math.min(most(index), (rates[index] as number) + level);
    for (const link of senders[index]?.links ?? []) crowd[link] = (crowd[link] as number) - 1;
  };
  let nearest = 0;
  while (growing > 0) {
    let step = Number.POSITIVE_INFINITY;
    for (const link of used) step = Math.min(step, (left[link] as number) / (crowd[link] as number));
    while (nearest < limited.length && grows[limited[nearest] as number] === 0) nearest++;
    if (nearest < limited.length) step = Math.min(step, room(limited[nearest] as number) - level);
    level += step;
    if (level === Number.POSITIVE_INFINITY) {
      for (const index of senders.keys()) stay(index);
      break;
    }
    for (const link of used) left[link] = (left[link] as number) - step * (crowd[link] as number);
    for (; nearest < limited.length; nearest++) {
      const index = limited[nearest] as number;
      if (grows[index] === 1 && (rates[index] as number) + level < most(index) * (1 - FULL)) break;
      stay(index);
    }
    for (const link of used) {
      if ((left[link] as number) > FULL * (capacities[link] as number)) continue;
      for (const index of crossing[link] as number[]) stay(index);
    }
    used = used.filter((link) => (crowd[link] as number) > 0);
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
