import { z } from 'zod';
import { across } from './across.ts';
import { oneOrMany } from './words.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const MINUTES_OF_A_DAY = 24 * 60;

/** Minutes since midnight, 0-1440. */
const TimeOfDay = z
  .string({ error: 'is not a time of day: write hours and minutes, like 22:00' })
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'is not a time of day: write 00:00 to 24:00, like 22:00')
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

const TimeZone = z
  .string({ error: 'is not a time zone: write its IANA name, like Europe/Berlin or UTC' })
  .refine(isZone, {
    error: 'is not a time zone that is known here: write its IANA name, like Europe/Berlin or UTC',
  });

function isZone(name: string): boolean {
  try {
    // Offsets such as +01:00 are taken by Intl as well; they would not follow summer time.
    return /^[A-Z]/i.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

/** The keys of a window, to be used in a rule that has others as well. */
export const windowShape = {
  from: TimeOfDay,
  to: TimeOfDay,
  days: oneOrMany(z.enum(DAYS)).default([...DAYS]),
  timeZone: TimeZone,
};

interface Times {
  from: number;
  to: number;
}

interface WrittenWindow extends Times {
  days: (typeof DAYS)[number][];
  timeZone: string;
}

/** A time that comes back every day, or on some days of the week. */
export interface DailyWindow {
  /** Minutes since midnight: 0-1439. */
  fromMinute: number;
  /** 1-1440; at or before `fromMinute` it is on the day after. */
  toMinute: number;
  /** The days on which it begins, 0 is Sunday. */
  days: number[];
  /** IANA name. */
  timeZone: string;
}

/** For `superRefine`: `from` and `to` that say nothing are refused; pure. */
export const checkWindow = across<Times>(({ from, to }, context) => {
  if (from === MINUTES_OF_A_DAY) {
    context.addIssue({ code: 'custom', path: ['from'], message: 'a window cannot begin at 24:00: write 00:00' });
  } else if (to !== undefined && (from === to || to === 0)) {
    const message =
      to === 0
        ? 'a window that ends at midnight is written to: "24:00"'
        : 'the window begins and ends at the same time: write from: "00:00", to: "24:00" for whole days';
    context.addIssue({ code: 'custom', path: ['to'], message });
  }
});

export function toDailyWindow({ from, to, days, timeZone }: WrittenWindow): DailyWindow {
  const numbers = [...new Set(days.map((day) => DAYS.indexOf(day)))].sort();
  return { fromMinute: from, toMinute: to, days: numbers, timeZone };
}

export function formatWindow({ fromMinute, toMinute, days, timeZone }: DailyWindow): string {
  const time = (minute: number) =>
    `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
  const on = days.length === DAYS.length ? '' : ` on ${days.map((day) => DAYS[day]).join(', ')}`;
  return `${time(fromMinute)} to ${time(toMinute)}${on} (${timeZone})`;
}

/** `{ from: "22:00", to: "06:00", days: [fri, sat], timeZone: Europe/Berlin }` */
export const Window = z
  .strictObject(windowShape)
  .superRefine(...checkWindow)
  .transform(toDailyWindow);
