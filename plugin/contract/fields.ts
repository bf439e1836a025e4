/** Fields that several queries and requests have. */
import { z } from 'zod';

const MOST_AT_ONCE = 1000;
export const numberBefore = z.coerce.number().int().positive().optional();
export const limit = z.coerce.number().int().min(1).max(MOST_AT_ONCE).default(200);

export const text = z.string().min(1).max(200);
/** Unix time, ms; not so far that it cannot be written as a date. */
export const time = z.number().int().nonnegative().max(8.64e15);
