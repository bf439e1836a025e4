import type { Technique } from '../contract.ts';
import { DEFAULT_PARAMETERS, type MigrationFeatures, type ModelParameters } from './features.ts';
import type { Figures } from './figures.ts';
import { hybridCopy } from './hybrid.ts';
import { postCopy } from './postcopy.ts';
import { preCopy } from './precopy.ts';

export const TECHNIQUES = ['pre-copy', 'post-copy', 'hybrid-copy'] as const satisfies readonly Technique[];

/**
 * What each technique would cost, from what is measured before it starts. Pure and deterministic; what the model does
 * not know of hosts and pairs of hosts is calibrate.ts's business.
 *
 * A guest of 160 MB on links of 480 Mbit/s without reservation, no dirtying (seconds):
 *
 * | guest            | pre-copy | post-copy | why                                            |
 * |------------------|----------|-----------|------------------------------------------------|
 * | idle             | 3.0      | 3.0       | the same bytes on the same links               |
 * | sends 480 Mbit/s | 5.6      | 3.2       | its traffic leaves the source with the switch  |
 * | receives 480     | 3.0      | 3.1       | its traffic follows it when its pages are there |
 */
export function predict(
  features: MigrationFeatures,
  parameters: ModelParameters = DEFAULT_PARAMETERS,
): Record<Technique, Figures> {
  return {
    'pre-copy': preCopy(features, parameters),
    'post-copy': postCopy(features, parameters),
    'hybrid-copy': hybridCopy(features, parameters),
  };
}

export function predictOne(
  technique: Technique,
  features: MigrationFeatures,
  parameters: ModelParameters = DEFAULT_PARAMETERS,
): Figures {
  const model = { 'pre-copy': preCopy, 'post-copy': postCopy, 'hybrid-copy': hybridCopy }[technique];
  return model(features, parameters);
}
