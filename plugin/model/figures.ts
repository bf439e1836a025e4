/** What a migration will cost, or has cost. */
export interface Figures {
  /** QEMU's set-up to completed; Infinity where it would not end. */
  totalMigrationTimeMs: number;
  /** Blackout: STOP on the source to RESUME on the destination. Infinity where it never comes to it. */
  downtimeMs: number;
  /** The longest time that the guest does not answer, seen from outside: the blackout or the wait for pages. */
  longestStallMs: number;
  /** Bytes of the stream. */
  bytes: number;
  /** Passes over the memory. */
  iterations: number;
  /** What workload traffic does not get because of it. */
  lostBits: {
    /** On (source, tx) and (destination, rx), to the stream. */
    sourceTx: number;
    destinationRx: number;
    /** The VM's own traffic, to its blackout and to its waits for pages. */
    vm: number;
  };
  /** `timeout`: Nova gives up first. `never`: it does not converge, and Nova has no timeout. */
  ends: 'completed' | 'timeout' | 'never';
}

/** Rate × time, where nothing for ever is nothing. */
export function over(perSecond: number, seconds: number): number {
  return perSecond === 0 ? 0 : perSecond * seconds;
}
