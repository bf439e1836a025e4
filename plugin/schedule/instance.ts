/**
 * A scheduling problem: which migrations there are, what each of them takes while it runs, and what there is to take.
 * Seconds and Mbit/s, as the literature's instances have them; host resources in the file's own units (GB, cores).
 */
export interface Instance {
  /** Names of the host resources that VMs take, e.g. `mem`, `cpu`. */
  resources: readonly string[];
  links: readonly Link[];
  hosts: readonly Host[];
  moves: readonly Move[];
}

/** Anything that several migrations share at one time: one direction of a NIC or uplink, a switch, a cap, a group. */
export interface Link {
  name: string;
  /** Mbit/s (for a cap: migrations). Infinite: never in the way. */
  capacity: number;
}

export interface Host {
  name: string;
  /** By resource; infinite where it is not limited. */
  capacity: readonly number[];
  /** By resource: what the VMs take that are on it before anything moves, those that will leave too. */
  used: readonly number[];
  /** How long it takes before the first VM can arrive; 0 for one that is on. */
  bootSeconds: number;
  /** It is switched off once the last VM has left, which takes so long; null: it stays on. */
  shutdownSeconds: number | null;
}

export interface Move {
  /** The file's own number of the VM. */
  vm: number;
  /** Indices into `hosts`. */
  from: number;
  to: number;
  mbitPerSecond: number;
  durationSeconds: number;
  /** What it takes of each link for its whole duration. */
  uses: readonly { link: number; amount: number }[];
  /** By resource: on its destination from its start on, on its source until its end. */
  demand: readonly number[];
  /** Not before this time. Default 0. */
  releaseSeconds?: number;
  /** Of several moves with the same text only one runs at a time. */
  serialGroup?: string;
  /** Indices into `moves`: those end before this one starts. */
  after?: readonly number[];
}

/** When each move starts, in the order of `moves`; null: it cannot, whatever the order that was tried. */
export interface Schedule {
  starts: readonly (number | null)[];
  makespanSeconds: number;
}
