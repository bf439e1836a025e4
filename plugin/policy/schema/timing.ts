import { z } from 'zod';
import { Priority } from '../../contract.ts';
import { Duration } from '../units.ts';
import { across, right } from './across.ts';
import { checkWindow, type DailyWindow, toDailyWindow, windowShape } from './window.ts';
import { oneOrMany } from './words.ts';

const OrderKey = z.enum(['deadline', 'predicted', 'arrival']);
export type OrderKey = z.infer<typeof OrderKey>;

/** What goes first inside a group; what is equal in all keys goes by arrival. */
export const Order = z
  .array(OrderKey)
  .min(1)
  .refine((keys) => new Set(keys).size === keys.length, {
    error: 'a key stands twice: name each once',
    when: ({ value }) => Array.isArray(value),
  })
  .default(['deadline', 'predicted', 'arrival']);

/** A priority that is named in a window starts only while one of its windows is open. */
export interface StartWindow extends DailyWindow {
  priority: Priority[];
}

export const StartWindows = z
  .array(
    z
      .strictObject({ priority: oneOrMany(Priority), ...windowShape })
      .superRefine(...checkWindow)
      .transform(({ priority, ...window }): StartWindow => ({ priority, ...toDailyWindow(window) })),
  )
  .default([]);

/** Nova alone takes about a second before QEMU begins. */
const SHORTEST_MS = 5000;
const Some = Duration.refine((ms) => ms >= SHORTEST_MS, {
  error: 'no migration is over so soon: write at least 5 s',
});

/**
 * When a migration must have ended, counted from its arrival. `admission`: what happens to one that is predicted to miss
 * its deadline: `accept` takes it, `warn` takes it and says so, `refuse` answers with the earliest possible time.
 */
export const Deadlines = z
  .strictObject({
    default: z.strictObject({ high: Some.optional(), medium: Some.optional(), low: Some.optional() }).default({}),
    /** The longest that anybody may ask for. */
    max: Some.optional(),
    admission: z.enum(['accept', 'warn', 'refuse']).default('accept'),
  })
  .superRefine(
    ...across<{ default: object; max?: number | undefined }>(({ max }, context) => {
      for (const [priority, ms] of Object.entries(right(context.value.default, context.issues, ['default']))) {
        if (max === undefined || typeof ms !== 'number' || ms <= max) continue;
        context.addIssue({ code: 'custom', path: ['default', priority], message: 'is above deadlines.max' });
      }
    }),
  )
  .transform(({ default: defaults, max = null, admission }) => {
    const { high = null, medium = null, low = null } = defaults;
    return { defaultMs: { high, medium, low }, maxMs: max, admission };
  })
  .default({ defaultMs: { high: null, medium: null, low: null }, maxMs: null, admission: 'accept' });
