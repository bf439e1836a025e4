import type { Comparable, Difference } from './compare.ts';
import type { Request } from './request.ts';

/** A difference that is meant. Every other one fails the comparison, and so does an exception that nothing falls under. */
export interface Exception {
  name: string;
  why: string;
  /** `direct` is Nova's own answer, `through` the one that came through Drover. */
  covers(request: Request, direct: Comparable, through: Comparable, found: readonly Difference[]): boolean;
}

export const EXCEPTIONS: readonly Exception[] = [];

/** @param used how often each was needed, by name */
export function unusedExceptions(used: ReadonlyMap<string, number>): string[] {
  return EXCEPTIONS.map(({ name }) => name).filter((name) => !used.has(name));
}
