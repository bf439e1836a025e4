/** What is decided for one migration, and from what. */
import { LinkReservation, Priority } from 'drover-hostd/contract';
import { z } from 'zod';
import { MigrationFeatures } from '../model/features.ts';
import { Cluster, Contention, Reason, Scenario, Strategy, Technique } from './words.ts';

/** What the measured traffic says of one VM on its way from source to destination (design: what is measured). */
export const Classification = z.object({
  /** max(utilisation(source, tx), utilisation(destination, rx)), 0-1 and above. */
  utilisation: z.number().nonnegative(),
  contention: Contention,
  scenario: Scenario,
  cluster: Cluster,
});
export type Classification = z.infer<typeof Classification>;

/** A predicted figure and what it lies between nine times of ten; null: without end. */
export const PredictedFigure = z.object({
  value: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});
export type PredictedFigure = z.infer<typeof PredictedFigure>;

/** What a figure lies between nine times of ten; null: without end. */
const Between = z.object({ low: z.number().nullable(), high: z.number().nullable() });

/** What one technique would cost. */
export const Prediction = z.object({
  /** QEMU's set-up to completed. */
  totalMigrationTimeMs: PredictedFigure,
  /** Blackout: STOP on the source to RESUME on the destination. */
  downtimeMs: PredictedFigure,
  /** The longest time that the guest does not answer, seen from outside. */
  longestStallMs: PredictedFigure,
  bytes: PredictedFigure,
  /** Passes over the memory. */
  iterations: z.number().int().nonnegative(),
  /** Null in records of before this was kept; so below. */
  iterationsBetween: Between.nullable().default(null),
  /** Bits that the workload does not get: on the two links to the stream, and the VM's own to its waits. */
  lostBits: z.object({
    sourceTx: z.number().nullable(),
    destinationRx: z.number().nullable(),
    vm: z.number().nullable(),
  }),
  /** As long as the workload stays as it was measured. */
  lostBitsBetween: z.object({ sourceTx: Between, destinationRx: Between, vm: Between }).nullable().default(null),
  /** `never`: it does not converge. `timeout`: Nova gives up first. */
  ends: z.enum(['completed', 'timeout', 'never']),
});
export type Prediction = z.infer<typeof Prediction>;

/** A technique that was not chosen, and why. */
export const Alternative = z.object({
  technique: Technique,
  reason: Reason,
  prediction: Prediction.nullable().default(null),
});
export type Alternative = z.infer<typeof Alternative>;

/** The strategy that was not chosen, and why. */
export const StrategyAlternative = z.object({ strategy: Strategy, reason: Reason });
export type StrategyAlternative = z.infer<typeof StrategyAlternative>;

/** Why a link's reservation is what it is, or why there is none. */
export const ReservationChoice = z.object({
  reason: Reason,
  /** What would have been guaranteed on this link for another priority, and why it is not; empty where nothing is. */
  alternatives: z.array(
    z.object({
      priority: Priority,
      workloadBitsPerSecond: z.number(),
      migrationBitsPerSecond: z.number(),
      reason: Reason,
    }),
  ),
});
export type ReservationChoice = z.infer<typeof ReservationChoice>;

/** The host that Drover chose where none was asked for; Nova verifies it. */
export const DestinationChoice = z.object({
  host: z.string(),
  /** Other hosts, and why not those: at most ten. */
  rejected: z.array(z.object({ host: z.string(), reason: Reason })),
});
export type DestinationChoice = z.infer<typeof DestinationChoice>;

export const Decision = z.object({
  priority: Priority,
  priorityReason: Reason,
  /** Null where no usable sample was there; `reasons` says why, and the policy's `stale` rule decided. */
  classification: Classification.nullable(),
  technique: Technique,
  strategy: Strategy,
  /** Null or absent: it was asked for, or Nova chooses. */
  destination: DestinationChoice.nullish(),
  /** In the order they were applied: destination, table row, gate, strategy row, order. */
  reasons: z.array(Reason),
  /** The techniques that were not chosen; empty in records of before this was kept. */
  alternatives: z.array(Alternative).default([]),
  /** The other strategy; empty in records of before this was kept. */
  strategyAlternatives: z.array(StrategyAlternative).default([]),
  /** Per link, null where nothing is reserved (no hostd there). */
  reservation: z.object({
    sourceTx: LinkReservation.nullable(),
    destinationRx: LinkReservation.nullable(),
    /** QEMU's own limit on the stream, while a higher one shares a link with it or it crosses switches; null or absent: none. */
    streamBitsPerSecond: z.number().positive().nullish(),
    /** Why, where it is not for a higher one. */
    streamReason: Reason.nullish(),
  }),
  /** Of the reservation as it was decided; null in records of before this was kept. */
  reservationChoices: z
    .object({ sourceTx: ReservationChoice.nullable(), destinationRx: ReservationChoice.nullable() })
    .default({ sourceTx: null, destinationRx: null }),
  maxDowntimeMs: z.number().int().positive().nullable(),
  /** What the chosen technique is predicted to cost, and what that was predicted from; null without usable samples. */
  prediction: Prediction.nullable().default(null),
  features: MigrationFeatures.nullable().default(null),
  /** Name and content hash of the policy that decided. */
  policy: z.string(),
});
export type Decision = z.infer<typeof Decision>;
