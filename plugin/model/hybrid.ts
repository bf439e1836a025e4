import type { MigrationFeatures, ModelParameters } from './features.ts';
import type { Figures } from './figures.ts';
import { switched } from './postcopy.ts';

/**
 * Hybrid-copy: one pass over all memory on the source, then the switch. What was dirtied in that pass follows in
 * post-copy, so the guest asks for few pages; a guest that dirties next to nothing ends as a pre-copy.
 */
export function hybridCopy(features: MigrationFeatures, parameters: ModelParameters): Figures {
  return switched(features, parameters, 1);
}
