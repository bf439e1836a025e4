import { z } from 'zod';

/** An amount of bandwidth: an absolute rate, or a share of a link's capacity (0-1). */
export type Amount = { kind: 'rate'; bitsPerSecond: number } | { kind: 'share'; fraction: number };

const RATE_UNITS: Record<string, number> = { bit: 1, kbit: 1e3, Mbit: 1e6, Gbit: 1e9 };
const TIME_UNITS: Record<string, number> = { ms: 1, s: 1e3, min: 60e3, h: 3600e3 };
/** A year. Far beyond it, a moment that is so far away could not be written as a date. */
const LONGEST_MS = 8760 * 3600e3;
const MEMORY_UNITS: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** What an editor checks of a quantity, as a regular expression. */
function pattern(units: Record<string, number>, percent = false): { type: 'string'; pattern: string } {
  const names = [...(percent ? ['%'] : []), ...Object.keys(units)];
  return { type: 'string', pattern: `^\\d{1,12}(\\.\\d{1,6})? ?(${names.join('|')})$` };
}

const QUANTITY = /^(\d{1,12}(?:\.\d{1,6})?) ?(%|[A-Za-z]+)$/;

/** Share of something: `40 %` is 0.4. Bare numbers are refused: is 0.5 a half or half a per cent? */
export const Share = z
  .unknown()
  .transform((value, context) => {
    const quantity = split(value);
    if (quantity?.unit === '%' && quantity.number <= 100) return quantity.number / 100;
    context.addIssue({
      code: 'custom',
      message: refusal(value, 'a share', '0 to 100 with its sign, like 40 %'),
    });
    return z.NEVER;
  })
  .meta({ ...pattern({}, true), description: 'a share, like 40 %' });

/** Time in milliseconds, at most a year: `300 ms`, `1 s`, `10 min`, `2 h`. */
export const Duration = z
  .unknown()
  .transform((value, context) => {
    const quantity = split(value);
    const factor = quantity && TIME_UNITS[quantity.unit];
    const ms = quantity && factor ? Math.round(quantity.number * factor) : null;
    if (ms !== null && ms <= LONGEST_MS) return ms;
    const message =
      ms === null
        ? refusal(value, 'a time', 'a number with one of the units ms, s, min, h, like 10 s')
        : `${show(value)} is longer than a year: write at most 8760 h`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .meta({ ...pattern(TIME_UNITS), description: 'a time, like 300 ms, 1 s, 10 min, 2 h' });

/** Bandwidth: `300 Mbit` (per second, decimal prefixes as in tc and on NICs) or `30 %` of the link. */
export const Bandwidth = z
  .unknown()
  .transform((value, context): Amount => {
    const quantity = split(value);
    if (quantity?.unit === '%' && quantity.number <= 100) return { kind: 'share', fraction: quantity.number / 100 };
    const factor = quantity && RATE_UNITS[quantity.unit];
    if (quantity && factor) return { kind: 'rate', bitsPerSecond: quantity.number * factor };
    context.addIssue({
      code: 'custom',
      message: refusal(
        value,
        'a bandwidth',
        'a number with one of bit, kbit, Mbit, Gbit (per second) or %, like 300 Mbit or 30 %',
      ),
    });
    return z.NEVER;
  })
  .meta({
    ...pattern(RATE_UNITS, true),
    description: 'a rate like 300 Mbit (per second), or a share of the link like 30 %',
  });

/** Bandwidth in bit/s, never a share: `10 Gbit`. */
export const Rate = z
  .unknown()
  .transform((value, context) => {
    const quantity = split(value);
    const factor = quantity && RATE_UNITS[quantity.unit];
    if (quantity && factor && quantity.number > 0) return quantity.number * factor;
    context.addIssue({
      code: 'custom',
      message: refusal(
        value,
        'a rate',
        'a number above 0 with one of bit, kbit, Mbit, Gbit (per second), like 10 Gbit',
      ),
    });
    return z.NEVER;
  })
  .meta({ ...pattern(RATE_UNITS), description: 'a rate like 10 Gbit (per second)' });

/** Memory in bytes: `512 MiB`, `4 GiB`. MB is refused: is it 1000000 or 1048576? */
export const Memory = z
  .unknown()
  .transform((value, context) => {
    const quantity = split(value);
    const factor = quantity && MEMORY_UNITS[quantity.unit];
    if (quantity && factor) return Math.round(quantity.number * factor);
    context.addIssue({
      code: 'custom',
      message: refusal(value, 'an amount of memory', 'a number with one of KiB, MiB, GiB, TiB, like 512 MiB'),
    });
    return z.NEVER;
  })
  .meta({ ...pattern(MEMORY_UNITS), description: 'memory, like 512 MiB' });

/** The amount on a link of this capacity, bit/s. */
export function amountOn(amount: Amount, capacityBitsPerSecond: number): number {
  return amount.kind === 'rate' ? amount.bitsPerSecond : amount.fraction * capacityBitsPerSecond;
}

function split(value: unknown): { number: number; unit: string } | null {
  const found = typeof value === 'string' ? QUANTITY.exec(value) : null;
  return found?.[1] && found[2] ? { number: Number(found[1]), unit: found[2] } : null;
}

function refusal(value: unknown, kind: string, how: string): string {
  return value === undefined ? `is missing: write ${how}` : `${show(value)} is not ${kind}: write ${how}`;
}

function show(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'a list or map' : `"${value}"`;
}
