import type { DestinationChoice, Reason } from '../../contract.ts';
import type { Policy } from '../../policy/schema.ts';
import { fits } from '../../schedule/live/resources.ts';
import { RANK } from './occupancy.ts';
import { shortage } from './room.ts';
import type { Choosing, HostChoosing } from './world.ts';

/** Share of (host, rx) that its workload uses and the rate of the link; null: there is no fresh sample. */
export type Uses = ReadonlyMap<string, { use: number; linkBitsPerSecond: number } | null>;

/** What is known of one host as a destination for one migration. */
interface Option {
  host: string;
  /** Why it is not considered; null: it is. */
  out: Reason | null;
  /** As many as one link carries are on their way to it, or one of a higher priority, for which this one would wait. */
  isBusy: boolean;
  /** Share of its (host, rx) that the workload uses, 0-1. */
  use: number;
  /** On their way to it, or to start before this one. */
  coming: number;
  /** What is left of its link beside its workload, to each of those and this one, bit/s. */
  shareBitsPerSecond: number;
  freeMemoryMb: number;
}

/** Two that differ by less than this share of the widest link are equally contended: measured rates waver. */
const ALIKE = 0.01;
const MOST_REJECTED = 10;

/**
 * The host that leaves one of this rank most of its (host, rx), and why not the others; of none is it known that Nova
 * would take it: null, Nova chooses. Pure.
 *
 * @param names of the hosts that it may go to.
 * @param choosing null: Placement does not tell.
 */
export function choose(
  { caps }: Pick<Policy, 'caps'>,
  uses: Uses,
  names: readonly string[],
  rank: number,
  choosing: Choosing | null,
): { choice: DestinationChoice | null; reason: Reason } {
  if (!choosing) {
    const text = 'Placement does not tell which hosts have room: Nova chooses the destination';
    return { choice: null, reason: { code: 'destination-kept', text } };
  }
  const options = names.map((host) => optionOf(caps, uses, rank, choosing, host));
  const considered = options.filter(({ out }) => out === null);
  const widest = Math.max(1, ...considered.map(({ shareBitsPerSecond }) => shareBitsPerSecond));
  const step = (option: Option) => Math.round(option.shareBitsPerSecond / (ALIKE * widest));
  considered.sort(
    (a, b) =>
      Number(a.isBusy) - Number(b.isBusy) ||
      step(b) - step(a) ||
      a.coming - b.coming ||
      b.freeMemoryMb - a.freeMemoryMb ||
      (a.host < b.host ? -1 : 1),
  );
  const [best, ...others] = considered;
  const out = options.flatMap(({ host, out: reason }) => (reason ? [{ host, reason }] : []));
  if (!best) {
    const text = `of no host is it known that Nova would take it: Nova chooses the destination (${out.map(({ reason }) => reason.text).join('; ') || 'there is no other host'})`;
    return { choice: null, reason: { code: 'destination-kept', text } };
  }
  const rejected = others.map((other) => ({
    host: other.host,
    reason: {
      code:
        other.isBusy && !best.isBusy ? 'link-busy' : step(other) < step(best) ? 'more-contended' : 'equally-contended',
      text: `${described(other)}; ${described(best)}`,
    },
  }));
  const reason = {
    code: 'destination-least-contended',
    text: `${best.host}, the least contended of ${considered.length}: ${described(best)}`,
  };
  return { choice: { host: best.host, rejected: [...rejected, ...out].slice(0, MOST_REJECTED) }, reason };
}

function optionOf(caps: Policy['caps'], uses: Uses, rank: number, choosing: Choosing, host: string): Option {
  const { use, linkBitsPerSecond } = uses.get(host) ?? { use: 1, linkBitsPerSecond: 0 };
  const { coming, highest, free } = Object.hasOwn(choosing.hosts, host)
    ? (choosing.hosts[host] as HostChoosing)
    : { coming: 0, highest: null, free: null };
  return {
    host,
    out: whyOut(uses, choosing, host),
    isBusy:
      coming >= Math.min(caps.parallelPerLink, caps.perDestination ?? caps.parallelPerLink) ||
      (highest !== null && RANK[highest] < rank),
    use,
    coming,
    shareBitsPerSecond: ((1 - use) * linkBitsPerSecond) / (1 + coming),
    freeMemoryMb: free?.MEMORY_MB ?? 0,
  };
}

function whyOut(uses: Uses, { needs, zone, hosts }: Choosing, host: string): Reason | null {
  const told = Object.hasOwn(hosts, host) ? hosts[host] : undefined;
  if (!told) return { code: 'room-unknown', text: `Placement does not tell of ${host}` };
  if (!told.accepts) return { code: 'host-disabled', text: `nova-compute on ${host} is disabled or down` };
  if (zone !== null && told.zone !== zone) {
    return { code: 'other-zone', text: `${host} is in zone ${told.zone ?? 'none'}, its source in ${zone}` };
  }
  if (!uses.get(host)) return { code: 'no-sample', text: `there is no fresh sample of ${host}` };
  return fits(needs, told.free) ? null : { code: 'no-room', text: shortage(host, needs, told.free) };
}

function described({ host, use, coming, shareBitsPerSecond, isBusy }: Option): string {
  const others =
    coming === 0 ? 'nobody else comes' : `${coming} come${coming === 1 ? 's' : ''}${isBusy ? ' first' : ''}`;
  return `${host} rx ${(100 * use).toFixed(0)} % used, ${others}, ${(shareBitsPerSecond / 1e6).toFixed(0)} Mbit/s each`;
}
