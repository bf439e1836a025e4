import type { OwnCounter } from '../netfilter.ts';
import type { TapMeters } from '../rates.ts';
import type { Topology } from './uplinks.ts';

/** Bytes of the host's own packets as the NIC counts them, since these counters were made. */
export type OwnBytes = Record<OwnCounter, number>;

export interface CountReading {
  /** Another one: the counters were made anew, and say nothing about those before. */
  epoch: string;
  /** Null where the host's own packets cannot be told apart. */
  own: OwnBytes | null;
}

/** One way of counting the traffic of VMs and the host's own: nftables, iptables, or the interfaces' own counters. */
export interface CountMethod {
  readonly name: 'nftables' | 'iptables' | 'tap';
  /** What an operator is to do, null if all is counted. */
  readonly problem: string | null;
  /** The tap's figures hold what its VM says to others on this host. */
  includesLocalTraffic(tap: string): boolean;
  /** Brings the rules in step with the host's interfaces. @throws HostdError with what is missing. */
  follow(topology: Topology): Promise<void>;
  /** Puts all counters of VMs into `meters`. Rules that somebody took away are made again. */
  read(meters: TapMeters): Promise<CountReading>;
  /** Takes hostd's rules away: another method is used from now on. */
  remove(): Promise<void>;
  /** Rules and counters stay for the next start. */
  close(): void;
}
