import { type Sender, waterfill } from './waterfill.ts';

/** Everything that several flows share: one direction of a NIC or of an uplink, or a switch. Infinite: never in the way. */
export interface FluidLink {
  name: string;
  capacityBitsPerSecond: number;
}

/**
 * A pre-copy migration as a flow. It copies `copyBits` while it dirties `dirtyBitsPerSecond`, which are sent again; then
 * it sends its hot pages until they are few. Where the rate is below `hotBitsPerSecond` that never comes: the guest is
 * stopped and the rest sent (as QEMU does when its downtime limit is raised, or Nova when it gives up waiting).
 */
export interface FluidMigration {
  links: readonly number[];
  copyBits: number;
  dirtyBitsPerSecond?: number;
  hotBits?: number;
  hotBitsPerSecond?: number;
  /** Not before this time. */
  startMs: number;
  /** What the plan gives it: promised with `reserved` sharing, and no more is used with `planned`. */
  reservedBitsPerSecond?: number;
}

/** Traffic that is there all the time and takes what it can up to its demand. */
export interface FluidWorkload {
  links: readonly number[];
  demandBitsPerSecond: number;
  /** What is kept for it. */
  guaranteedBitsPerSecond?: number;
}

/**
 * `max-min`: all flows are equal, reservations are not kept. `reserved`: each has what is reserved for it, and the rest is
 * shared max-min. `planned`: each migration has exactly what is reserved for it (if the links carry it).
 */
export type Sharing = 'max-min' | 'reserved' | 'planned';

export interface FluidPlan {
  migrations: readonly FluidMigration[];
  workloads?: readonly FluidWorkload[];
  /** Whether one may start now beside those that run; default: whenever its time has come. Asked in order. */
  mayStart?: (migration: number, running: readonly number[]) => boolean;
}

export interface FluidRun {
  startMs: number;
  endMs: number;
  bits: number;
  stoppedMs: number;
  /** From each time on this rate. */
  rates: { fromMs: number; bitsPerSecond: number }[];
}

export interface FluidOutcome {
  /** In the order of the plan; times in ms, infinite for what never ends. */
  migrations: FluidRun[];
  /** Of all bits that the link could have carried from 0 to the last end, and in its busiest moment. */
  links: { name: string; utilisation: number; peakUtilisation: number }[];
  /** What the workload wanted from 0 to the last end and did not get. */
  workloads: { lostBits: number; lostShare: number }[];
  makespanMs: number;
}

type Phase = 'copy' | 'hot' | 'stopped';

interface Running {
  index: number;
  phase: Phase;
  /** Bits in `copy` and `stopped`; a share of 1 in `hot`. */
  left: number;
}

/**
 * Plays a plan on full-duplex links and switches, event by event: rates change only when something starts, ends or goes
 * into its next phase. Pure.
 */
export function simulate(plan: FluidPlan, links: readonly FluidLink[], sharing: Sharing): FluidOutcome {
  const { migrations, workloads = [], mayStart = () => true } = plan;
  const capacities = links.map(({ capacityBitsPerSecond }) => capacityBitsPerSecond);
  const outcome = migrations.map((): FluidRun => {
    const never = Number.POSITIVE_INFINITY;
    return { startMs: never, endMs: never, bits: 0, stoppedMs: 0, rates: [] };
  });
  const carried = new Float64Array(links.length);
  const peak = new Float64Array(links.length);
  const lostBits = new Float64Array(workloads.length);
  const waiting = migrations.map((_, index) => index);
  waiting.sort((a, b) => startOf(a) - startOf(b) || a - b);
  let running: Running[] = [];
  let nowMs = 0;

  for (;;) {
    admit();
    const nextStartMs = Math.min(...waiting.map(startOf).filter((atMs) => atMs > nowMs));
    if (running.length === 0 && nextStartMs === Number.POSITIVE_INFINITY) break;
    const senders = [...running.map(senderOf), ...workloads.map(workloadSender)];
    const rates = waterfill(capacities, senders);
    const spans = running.map((flow, at) => msLeft(flow, rates[at] as number));
    const spanMs = Math.min(nextStartMs - nowMs, ...spans);
    if (spanMs === Number.POSITIVE_INFINITY) break;
    for (const [at, { index }] of running.entries()) setRate(outcome[index] as FluidRun, rates[at] as number);
    account(senders, rates, spanMs);
    nowMs += spanMs;
    running = running.filter(
      (flow, at) => !advance(flow, rates[at] as number, spanMs, (spans[at] as number) <= spanMs),
    );
  }
  const makespanMs = Math.max(0, ...outcome.map(({ endMs }) => endMs));
  const offered = (bitsPerSecond: number) => (bitsPerSecond * nowMs) / 1000;
  return {
    migrations: outcome,
    links: links.map(({ name, capacityBitsPerSecond }, link) => ({
      name,
      utilisation: nowMs > 0 ? (carried[link] as number) / offered(capacityBitsPerSecond) : 0,
      peakUtilisation: (peak[link] as number) / capacityBitsPerSecond,
    })),
    workloads: workloads.map(({ demandBitsPerSecond }, index) => ({
      lostBits: lostBits[index] as number,
      lostShare: nowMs > 0 && demandBitsPerSecond > 0 ? (lostBits[index] as number) / offered(demandBitsPerSecond) : 0,
    })),
    makespanMs,
  };

  function setRate({ rates }: FluidRun, bitsPerSecond: number): void {
    if (rates.at(-1)?.fromMs === nowMs) rates.pop();
    if (rates.at(-1)?.bitsPerSecond !== bitsPerSecond) rates.push({ fromMs: nowMs, bitsPerSecond });
  }

  function startOf(index: number): number {
    return migrations[index]?.startMs ?? 0;
  }

  function admit(): void {
    for (const index of [...waiting]) {
      if (startOf(index) > nowMs) break;
      const beside = running.map((flow) => flow.index);
      if (!mayStart(index, beside)) continue;
      waiting.splice(waiting.indexOf(index), 1);
      running.push({ index, phase: 'copy', left: migrations[index]?.copyBits ?? 0 });
      (outcome[index] as FluidRun).startMs = nowMs;
    }
  }

  function senderOf({ index }: Running): Sender {
    const { links: crossed, reservedBitsPerSecond } = migrations[index] as FluidMigration;
    if (sharing === 'max-min' || reservedBitsPerSecond === undefined) return { links: crossed };
    const atMost = sharing === 'planned' ? { atMost: reservedBitsPerSecond } : {};
    return { links: crossed, atLeast: reservedBitsPerSecond, ...atMost };
  }

  function workloadSender({ links: crossed, demandBitsPerSecond, guaranteedBitsPerSecond = 0 }: FluidWorkload): Sender {
    return {
      links: crossed,
      atMost: demandBitsPerSecond,
      atLeast: sharing === 'max-min' ? 0 : guaranteedBitsPerSecond,
    };
  }

  /** How long its phase still takes at this rate. */
  function msLeft({ index, phase, left }: Running, rate: number): number {
    const { dirtyBitsPerSecond = 0, hotBits = 0, hotBitsPerSecond = 0 } = migrations[index] as FluidMigration;
    if (left <= 0) return 0;
    if (phase === 'stopped') return (left / rate) * 1000;
    if (phase === 'copy')
      return rate > dirtyBitsPerSecond ? (left / (rate - dirtyBitsPerSecond)) * 1000 : Number.POSITIVE_INFINITY;
    // At a rate that no longer converges the phase is over at once: what is left goes over with the guest stopped.
    if (rate <= hotBitsPerSecond) return 0;
    return left * hotSeconds(hotBits, hotBitsPerSecond, rate) * 1000;
  }

  /** True when it has ended. */
  function advance(flow: Running, rate: number, spanMs: number, phaseEnds: boolean): boolean {
    const { dirtyBitsPerSecond = 0, hotBits = 0, hotBitsPerSecond = 0 } = migrations[flow.index] as FluidMigration;
    const result = outcome[flow.index] as FluidRun;
    if (spanMs > 0) result.bits += (rate * spanMs) / 1000;
    if (flow.phase === 'stopped') result.stoppedMs += spanMs;
    if (!phaseEnds) {
      if (flow.phase === 'copy') flow.left -= (Math.max(0, rate - dirtyBitsPerSecond) * spanMs) / 1000;
      else if (flow.phase === 'stopped') flow.left -= (rate * spanMs) / 1000;
      else flow.left -= spanMs / 1000 / hotSeconds(hotBits, hotBitsPerSecond, rate);
      return false;
    }
    if (flow.phase === 'copy' && hotBits > 0 && hotBitsPerSecond > 0) {
      flow.phase = 'hot';
      flow.left = 1;
      return false;
    }
    if (flow.phase === 'hot' && rate <= hotBitsPerSecond) {
      flow.phase = 'stopped';
      flow.left = hotBits;
      return false;
    }
    result.endMs = nowMs;
    return true;
  }

  function account(senders: readonly Sender[], rates: Float64Array, spanMs: number): void {
    const load = new Float64Array(links.length);
    senders.forEach(({ links: crossed }, at) => {
      for (const link of crossed) load[link] = (load[link] as number) + (rates[at] as number);
    });
    load.forEach((rate, link) => {
      if (spanMs > 0) carried[link] = (carried[link] as number) + (rate * spanMs) / 1000;
      if (spanMs > 0 && rate > (peak[link] as number)) peak[link] = rate;
    });
    workloads.forEach(({ demandBitsPerSecond }, index) => {
      const missing = demandBitsPerSecond - (rates[running.length + index] as number);
      lostBits[index] = (lostBits[index] as number) + (missing * spanMs) / 1000;
    });
  }
}

/** Rounds over the hot pages, each shorter than the one before (the last term of mVM's duration). */
function hotSeconds(hotBits: number, hotBitsPerSecond: number, rate: number): number {
  return ((hotBits / rate) * hotBitsPerSecond) / (rate - hotBitsPerSecond);
}
