import { z } from 'zod';

const UNITS = { kbit: 1e3, Mbit: 1e6, Gbit: 1e9, Tbit: 1e12 } as const;
const FORM = 'write a share of the link, as 20 %, or an amount, as 500 Mbit or 5 Gbit';

/** A share (0-1) or a number of bits. */
export type Amount = { share: number } | { bits: number };

/** `20 %`, `5 Gbit`; a number alone could be either and is refused. */
export const Amount = z.string().transform((text, context): Amount => {
  const [, digits = '', unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*(%|kbit|Mbit|Gbit|Tbit)\s*$/.exec(text) ?? [];
  const value = Number(digits);
  if (unit === '%' && value <= 100) return { share: value / 100 };
  if (unit in UNITS) return { bits: value * UNITS[unit as keyof typeof UNITS] };
  context.addIssue({ code: 'custom', message: unit === '%' ? 'more than 100 % cannot be lost' : FORM });
  return z.NEVER;
});
