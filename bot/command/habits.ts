/** Times, days and durations as people write them elsewhere, and what to write here. Pure. */
import { DateTime } from 'luxon';

const NAMED: Readonly<Record<string, string>> = { noon: '12:00', midday: '12:00', midnight: '00:00', '24:00': '00:00' };
const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const DURATIONS: Readonly<Record<string, string>> = {
  'half an hour': '30m',
  'an hour': '1h',
  'one hour': '1h',
  'a day': '1d',
};

/**
 * The time of day that was meant, as it is written here; null: nobody can tell.
 *
 * | written                     | meant |
 * |-----------------------------|-------|
 * | 6pm, 6:00 pm, 6.30pm        | 18:00, 18:00, 18:30 |
 * | 18.00, 18h, 18h30, 1800, 18 | 18:00, 18:00, 18:30, 18:00, 18:00 |
 * | noon, midnight, 24:00       | 12:00, 00:00, 00:00 |
 * | 18:00. (as a sentence ends) | 18:00 |
 */
export function timeMeant(text: string, next: string = ''): string | null {
  const bare = text.replace(/[.;:!?)]+$/, '').toLowerCase();
  const named = Object.hasOwn(NAMED, bare) ? NAMED[bare] : undefined;
  if (named !== undefined) return named;
  const half = /[ap]m$/.exec(bare)?.[0] ?? (isHalf(next) ? next.toLowerCase().slice(0, 2) : null);
  const figures = bare.replace(/(am|pm|h|uhr)$/, '');
  const [, hour, minute = '00'] =
    /^(\d{1,2})(?:[:.h](\d{2}))?$/.exec(figures) ?? /^(\d{2})(\d{2})$/.exec(figures) ?? [];
  if (hour === undefined || Number(minute) > 59) return null;
  if (half === null) return Number(hour) > 23 ? null : `${hour.padStart(2, '0')}:${minute}`;
  if (Number(hour) < 1 || Number(hour) > 12) return null;
  return `${String((Number(hour) % 12) + (half === 'pm' ? 12 : 0)).padStart(2, '0')}:${minute}`;
}

/** `am` or `pm`, which stands behind a time by itself. */
export function isHalf(word: string): boolean {
  return /^[ap]m[.,;!?]?$/i.test(word);
}

/**
 * The date that was meant. Of 12/01/2026 nobody can tell: it is January in some countries and December in others.
 *
 * | written at 2026-11-24, a Tuesday | meant      |
 * |----------------------------------|------------|
 * | 1.12.2026, 2026-12-1, 2026/12/01 | 2026-12-01 |
 * | friday, fri                      | 2026-11-27 |
 */
export function dayMeant(text: string, { nowMs, timeZone }: { nowMs: number; timeZone: string }): string | null {
  const word = text.toLowerCase().replace(/[.;:!?)]+$/, '');
  const iso = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$/.exec(word);
  const dotted = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/.exec(word);
  const [year, month, day] = iso ? iso.slice(1) : dotted ? dotted.slice(1).reverse() : [];
  if (year !== undefined) {
    const at = DateTime.utc(Number(year), Number(month), Number(day));
    return at.isValid ? at.toISODate() : null;
  }
  const weekday = /^[a-z]{3,}$/.test(word) ? WEEKDAYS.findIndex((name) => name.startsWith(word)) + 1 : 0;
  if (weekday === 0) return null;
  const today = DateTime.fromMillis(nowMs, { zone: timeZone });
  return today.plus({ days: (weekday - today.weekday + 7) % 7 || 7 }).toISODate();
}

/** Whether it looks like a day, whatever was meant. */
export function isDayLike(text: string): boolean {
  return /^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[.;:!?)]*$/.test(text);
}

/**
 * | written      | meant    |
 * |--------------|----------|
 * | 1.5h         | 1h30m    |
 * | 2h30         | 2h30m    |
 * | half an hour | 30m      |
 */
export function durationMeant(words: readonly string[]): string | null {
  const [first = ''] = words;
  const bare = first.toLowerCase().replace(/[.;:!?)]+$/, '');
  const spoken = Object.entries(DURATIONS).find(([said]) => words.join(' ').toLowerCase().startsWith(said));
  if (spoken) return spoken[1];
  const [, hours, tenths] = /^(\d{1,3})\.(\d{1,2})h$/.exec(bare) ?? [];
  if (hours !== undefined) return inMinutes(Number(`${hours}.${tenths}`) * 60);
  const [, whole, minutes] = /^(\d{1,3})h(\d{1,2})$/.exec(bare) ?? [];
  if (whole !== undefined) return inMinutes(Number(whole) * 60 + Number(minutes));
  return bare !== first.toLowerCase() && /^(\d{1,4}[dhm])+$/.test(bare) ? bare : null;
}

function inMinutes(total: number): string {
  const [hours, minutes] = [Math.floor(total / 60), Math.round(total % 60)];
  return `${hours > 0 ? `${hours}h` : ''}${minutes > 0 ? `${minutes}m` : ''}`;
}
