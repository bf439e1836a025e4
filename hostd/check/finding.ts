import { z } from 'zod';

/** One line of `drover-hostd check`, and of `drover-plugin check`: one format for both. */
export const Finding = z.object({
  /** What was looked at, as `area.point`; stays the same from version to version. */
  check: z.string().regex(/^[a-z]+(\.[a-z0-9-]+)?$/),
  /** `fail`: the service, or a part of it that is needed, will not work. `warn`: it works, and less well than it could. */
  state: z.enum(['ok', 'warn', 'fail']),
  found: z.string().min(1),
  /** Null where nothing is to be done. */
  todo: z.string().min(1).nullable(),
});
export type Finding = z.infer<typeof Finding>;

/** What `check --json` prints. */
export const CheckReport = z.array(Finding);
export type CheckReport = z.infer<typeof CheckReport>;

export function ok(check: string, found: string): Finding {
  return { check, state: 'ok', found, todo: null };
}

export function warn(check: string, found: string, todo: string): Finding {
  return { check, state: 'warn', found, todo };
}

export function fail(check: string, found: string, todo: string): Finding {
  return { check, state: 'fail', found, todo };
}

/** Warnings keep 0. */
export function exitStatus(report: CheckReport): 0 | 1 {
  return report.some(({ state }) => state === 'fail') ? 1 : 0;
}
