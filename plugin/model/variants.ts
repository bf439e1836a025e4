import { DEFAULT_PARAMETERS, type ModelParameters } from './features.ts';

/**
 * What the model may have wrong about a cloud in ways that no factor on its result mends: how much faster a guest dirties
 * memory while it migrates, and what a busy way back costs. The calibration takes the variant that explains the finished
 * migrations best; the first is the one before any is known.
 */
export const VARIANTS: readonly ModelParameters[] = [1, 1.5, 2, 3, 0.5, 0.25].flatMap((dirtyFactor) =>
  [DEFAULT_PARAMETERS.reverseLoss, 0.06, 0.18, 0].map((reverseLoss) => ({
    ...DEFAULT_PARAMETERS,
    dirtyFactor: dirtyFactor * DEFAULT_PARAMETERS.dirtyFactor,
    reverseLoss,
  })),
);
