import { z } from 'zod';

/** An amount of bandwidth: an absolute rate, or a share of a link's capacity (0-1). */
export type Amount = { kind: 'rate'; bitsPerSecond: number } | { kind: 'share'; fraction: number };

const RATE_UNITS: Record<string, number> = { bit: 1, kbit: 1e3, Mbit: 1e6, Gbit: 1e9 };
const TIME_UNITS: Record<string, number> = { ms: 1, s: 1e3, min: 60e3, h: 3600e3 };
const QUANTITY = /^(\d{1,12}(?:\.\d{1,6})?) ?(%|[A-Za-z]+)$/;

/** Share of something: `40 %` is 0.4. Bare numbers are refused: is 0.5 a half or half a per cent? */
export const Share = z.unknown().transform((value, context) => {
  const quantity = split(value);
  if (quantity?.unit === '%' && quantity.number <= 100) return quantity.number / 100;
  context.addIssue({
    code: 'custom',
    message: `${show(value)} is not a share: write 0 to 100 with its sign, like 40 %`,
  });
  return z.NEVER;
});

/** Time in milliseconds: `300 ms`, `1 s`, `10 min`, `2 h`. */
export const Duration = z.unknown().transform((value, context) => {
  const quantity = split(value);
  const factor = quantity && TIME_UNITS[quantity.unit];
  if (quantity && factor) return Math.round(quantity.number * factor);
  context.addIssue({
    code: 'custom',
    message: `${show(value)} is not a time: write a number with one of the units ms, s, min, h, like 10 s`,
  });
  return z.NEVER;
});

/** Bandwidth: `300 Mbit` (per second, decimal prefixes as in tc and on NICs) or `30 %` of the link. */
export const Bandwidth = z.unknown().transform((value, context): Amount => {
  const quantity = split(value);
  if (quantity?.unit === '%' && quantity.number <= 100) return { kind: 'share', fraction: quantity.number / 100 };
  const factor = quantity && RATE_UNITS[quantity.unit];
  if (quantity && factor) return { kind: 'rate', bitsPerSecond: quantity.number * factor };
  context.addIssue({
    code: 'custom',
    message: `${show(value)} is not a bandwidth: write a number with one of bit, kbit, Mbit, Gbit (per second) or %, like 300 Mbit or 30 %`,
  });
  return z.NEVER;
});

/** The amount on a link of this capacity, bit/s. */
export function amountOn(amount: Amount, capacityBitsPerSecond: number): number {
  return amount.kind === 'rate' ? amount.bitsPerSecond : amount.fraction * capacityBitsPerSecond;
}

function split(value: unknown): { number: number; unit: string } | null {
  const found = typeof value === 'string' ? QUANTITY.exec(value) : null;
  return found?.[1] && found[2] ? { number: Number(found[1]), unit: found[2] } : null;
}

function show(value: unknown): string {
  return value === undefined
    ? 'what is missing'
    : typeof value === 'object' && value !== null
      ? 'a list or map'
      : `"${value}"`;
}
