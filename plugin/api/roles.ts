/** What a client of the control API may do. Each role may do all that stands before it. */
import type { Role } from '../contract.ts';
import { DroverError } from '../errors.ts';

const RANK: Record<Role, number> = { read: 0, request: 1, operate: 2, admin: 3 };

export function mayActAs(has: Role, wanted: Role): boolean {
  return RANK[has] >= RANK[wanted];
}

/** The highest of them; null of none. */
export function highestRole(roles: readonly Role[]): Role | null {
  return roles.reduce<Role | null>((best, role) => (best === null || RANK[role] > RANK[best] ? role : best), null);
}

/** @throws DroverError `forbidden` that says which role it takes. */
export function authorise(principal: { name: string; role: Role }, wanted: Role, what: string): void {
  if (mayActAs(principal.role, wanted)) return;
  throw new DroverError(
    'forbidden',
    `${what} takes the role "${wanted}", and ${JSON.stringify(principal.name)} has "${principal.role}": ask an administrator of Drover for a token with it`,
  );
}
