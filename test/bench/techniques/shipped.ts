import { readFileSync } from 'node:fs';
import { parsePolicy } from '../../../plugin/policy/load.ts';
import type { Policy } from '../../../plugin/policy/schema.ts';

/** A policy of the folder policies/. */
export function shippedPolicy(name: string): Policy {
  const parsed = parsePolicy(readFileSync(new URL(`../../../policies/${name}`, import.meta.url), 'utf8'), name);
  if ('errors' in parsed) throw new Error(`${name}: ${JSON.stringify(parsed.errors)}`);
  return parsed.policy;
}
