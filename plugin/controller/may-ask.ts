import { mayActAs } from '../api/roles.ts';
import type { Priority, Role } from '../contract.ts';
import { DroverError } from '../errors.ts';
import type { Policy } from '../policy/schema.ts';

/** Who asks through the control API. */
export interface Asker {
  name: string;
  role: Role;
  /** A Keystone user's own token, null: somebody that only Drover knows. */
  keystone: { token: string; userId: string } | null;
}

/**
 * Lets pass who may ask for this priority, by the policy's `priorities.asking`; without a policy everybody.
 *
 * @throws DroverError `priority-refused`.
 */
export function checkPriority(
  policy: Pick<Policy, 'priorities'> | null,
  priority: Priority,
  { name, role }: Pick<Asker, 'name' | 'role'>,
): void {
  const least = policy?.priorities.asking[priority] ?? 'request';
  if (mayActAs(role, least)) return;
  throw new DroverError(
    'priority-refused',
    `the policy lets only the role "${least}" ask for priority ${priority} (priorities.asking), and ${JSON.stringify(name)} has "${role}"`,
  );
}

/**
 * Lets pass a deadline after the time at which the migration may start, not further from it than the policy's
 * `deadlines.max`. Times in ms (Unix).
 *
 * @throws DroverError `deadline-refused`.
 */
export function checkDeadline(
  policy: Pick<Policy, 'deadlines'> | null,
  { deadlineAtMs, notBeforeAtMs }: { deadlineAtMs: number | null; notBeforeAtMs: number | null },
  nowMs: number,
): void {
  if (deadlineAtMs === null) return;
  const fromMs = Math.max(nowMs, notBeforeAtMs ?? 0);
  if (deadlineAtMs <= fromMs) {
    throw new DroverError('deadline-refused', 'the deadline is not after the time at which it may start');
  }
  const maxMs = policy?.deadlines.maxMs ?? null;
  if (maxMs === null || deadlineAtMs <= fromMs + maxMs) return;
  throw new DroverError(
    'deadline-refused',
    `the deadline is further away than the policy's deadlines.max: ${new Date(fromMs + maxMs).toISOString()} is the latest`,
  );
}
