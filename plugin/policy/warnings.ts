import type { Policy } from './schema.ts';
import { neverReached, underminedLimits } from './warnings/amounts.ts';
import { neverDecides, ordinarySigns } from './warnings/rules.ts';
import { ignoredOrder, lateFromTheStart, neverAges } from './warnings/timing.ts';

/**
 * What is valid in a policy, and takes effect, but does nothing or not what it seems to: each as
 * `site.yaml:3:11: windows[0]: …`, where it stands and what to do. Only what is certain whatever the cloud: whether a
 * pattern matches any server is not known here. Pure.
 */
export function policyWarnings(policy: Policy): string[] {
  const doubts = [
    ...neverDecides(policy),
    ...ordinarySigns(policy),
    ...underminedLimits(policy),
    ...ignoredOrder(policy),
    ...neverReached(policy),
    ...neverAges(policy),
    ...lateFromTheStart(policy),
  ];
  return doubts.map(({ path, message }) => `${policy.places?.[path] ?? policy.id}: ${path}: ${message}`);
}
