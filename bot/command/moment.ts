import { DateTime, IANAZone } from 'luxon';
import { CommandError, type Span } from '../errors.ts';
import { dayMeant, durationMeant, isDayLike, isHalf, timeMeant } from './habits.ts';
import { hintOf } from './slip.ts';
import type { Word } from './words.ts';

/** Whose clock the words are read by. */
export interface Clock {
  nowMs: number;
  /** IANA name, of the person who writes. */
  timeZone: string;
}

const DURATION = /^(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m(?:in)?)?$/i;
const TIME = /^([01]?\d|2[0-3]):([0-5]\d)$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(Z|[+-]\d{2}:\d{2})?$/i;
const YEAR_MS = 366 * 24 * 3600 * 1000;
const DAYS = ['today', 'tomorrow'];
/** Each means several zones somewhere on earth. */
const SHORT_ZONES = new Set(
  'CET CEST MEZ MESZ WET WEST EET EEST MSK BST IST EST EDT CST CDT MST MDT PST PDT SGT HKT JST AEST AEDT NZST NZDT'.split(
    ' ',
  ),
);
const OFFSET = /^(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?$/i;
const FORMS = 'a time is 18:00, tomorrow 06:00, 2026-12-01 06:00 or 2026-12-01 06:00 Asia/Colombo';

/** The words that were read as a time, and the time. */
export interface Read {
  atMs: number;
  /** So many words. */
  taken: number;
}

/**
 * A duration from now: `2h`, `90m`, `1h30m`, `1d`, also in two words (`2 h`, `90 min`).
 *
 * @throws CommandError
 */
export function readDuration(words: readonly Word[], clock: Clock, after: Span): Read {
  const { nowMs } = clock;
  const [first, second] = words;
  if (!first) throw new CommandError('a duration is missing here: in 2h, in 90m, in 1h30m', after);
  const two = /^\d+$/.test(first.text) && second ? `${first.text}${unitOf(second.text) ?? '?'}` : null;
  const text = two ?? first.text;
  const match = DURATION.exec(text);
  const [days, hours, minutes] = (match ?? []).slice(1).map((part) => Number(part ?? 0));
  const totalMs = (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60_000;
  const span = { start: first.start, end: (two && second ? second : first).end };
  if (!match || !(totalMs > 0)) throw new CommandError(noDuration(words), span);
  return { atMs: within(nowMs + totalMs, clock, span), taken: two ? 2 : 1 };
}

function noDuration(words: readonly Word[]): string {
  const texts = words.map(({ text }) => text);
  const [first = ''] = texts;
  if (/^\d{1,4}$/.test(first)) return `${first} what? write in ${first}h or in ${first}m`;
  if (TIME.test(first)) return `this is a time of day: write by ${first}`;
  const meant = durationMeant(texts);
  return `this is no duration: write ${meant === null ? 'in 2h, in 90m, in 1h30m or in 1d' : `in ${meant}`}`;
}

function unitOf(word: string): string | null {
  if (/^d(ays?)?$/i.test(word)) return 'd';
  if (/^h(ours?)?$/i.test(word)) return 'h';
  return /^m(in(utes?)?)?$/i.test(word) ? 'm' : null;
}

/**
 * A time of day or a date with time, in the zone that is named behind it or else in the writer's own. A time of day is
 * the next one that comes.
 *
 * Written at 2026-11-24 17:30 in Europe/Berlin (UTC+1):
 *
 * | words                          | UTC               |
 * |--------------------------------|-------------------|
 * | 18:00                          | 2026-11-24 17:00  |
 * | 17:00                          | 2026-11-25 16:00  |
 * | tomorrow 06:00, 06:00 tomorrow | 2026-11-25 05:00  |
 * | 2026-12-01 06:00 Asia/Colombo  | 2026-12-01 00:30  |
 * | 2026-12-01T06:00Z              | 2026-12-01 06:00  |
 *
 * @throws CommandError for what is no time, lies in the past or more than a year away, does not exist in its zone or
 * comes twice (when clocks are changed)
 */
export function readMoment(words: readonly Word[], clock: Clock, after: Span): Read {
  const [first, second, third] = words;
  if (!first) throw new CommandError(`a time is missing here: ${FORMS}`, after);
  const instant = INSTANT.exec(first.text);
  if (instant) {
    const zone = instant[1] ? null : zoneOf(second);
    const at = instant[1]
      ? DateTime.fromISO(first.text, { setZone: true })
      : local(first.text, zone ?? clock.timeZone, first);
    if (!at.isValid) throw new CommandError(noSuchDay(first.text), first);
    return { atMs: within(at.toMillis(), clock, first, zone), taken: zone ? 2 : 1 };
  }
  const day = dayOf(first, clock);
  if (day) {
    const time = second && TIME.exec(second.text);
    if (!time) throw noTimeBehind(first, second, third);
    refuseHalf(second, third);
    const zone = zoneOf(third);
    const span = { start: first.start, end: second.end };
    const date = day(zone ?? clock.timeZone);
    const at = local(`${date}T${padded(time)}`, zone ?? clock.timeZone, span);
    return { atMs: within(at.toMillis(), clock, span, zone), taken: zone ? 3 : 2 };
  }
  const time = TIME.exec(first.text);
  if (!time) throw noTime(first, second, clock);
  refuseHalf(first, second);
  const behind = second && /^to(day|morrow)$/i.test(second.text) ? dayOf(second, clock) : null;
  if (second && behind) {
    const zone = zoneOf(third);
    const span = { start: first.start, end: second.end };
    const at = local(`${behind(zone ?? clock.timeZone)}T${padded(time)}`, zone ?? clock.timeZone, span);
    return { atMs: within(at.toMillis(), clock, span, zone), taken: zone ? 3 : 2 };
  }
  const zone = zoneOf(second);
  const timeZone = zone ?? clock.timeZone;
  const today = DateTime.fromMillis(clock.nowMs, { zone: timeZone });
  const candidates = [0, 1].map((days) => `${today.plus({ days }).toISODate()}T${padded(time)}`);
  const isAhead = (text: string) => DateTime.fromISO(text, { zone: timeZone }).toMillis() > clock.nowMs;
  const next = candidates.find(isAhead) ?? (candidates[1] as string);
  return { atMs: local(next, timeZone, first).toMillis(), taken: zone ? 2 : 1 };
}

/** What to write instead, where that can be told. */
function noTime(first: Word, second: Word | undefined, clock: Clock): CommandError {
  if (/^(now|asap|immediately)$/i.test(first.text)) {
    return new CommandError('it starts as soon as it may anyway: leave the time out', first);
  }
  const time = second && (TIME.test(second.text) ? second.text : timeMeant(second.text));
  const day = dayMeant(first.text, clock);
  if (day !== null) return new CommandError(`write the day as a date: ${day} ${time ?? '18:00'}`, first);
  if (isDayLike(first.text)) return new CommandError(`write the day as 2026-12-01, ${FORMS}`, first);
  const meant = timeMeant(first.text, second?.text);
  if (meant !== null) return new CommandError(`this is no time: write ${meant}`, first);
  return new CommandError(`this is no time: ${FORMS}${hintOf(first.text, DAYS)}`, first);
}

function noTimeBehind(day: Word, second: Word | undefined, third: Word | undefined): CommandError {
  const meant = second ? timeMeant(second.text, third?.text) : null;
  if (second && meant !== null) return new CommandError(`this is no time: write ${meant}`, second);
  return new CommandError(`a time of day is missing behind the day: write ${day.text} 18:00`, day);
}

/** `6:00 pm` would be read as six in the morning, and a server called pm. */
function refuseHalf(time: Word, next: Word | undefined): void {
  if (!next || next.quoted || !isHalf(next.text)) return;
  const meant = timeMeant(time.text, next.text);
  const instead = meant === null ? `a day has 24 hours here: leave ${next.text} out` : `write ${meant}`;
  throw new CommandError(instead, { start: time.start, end: next.end });
}

function noSuchDay(iso: string): string {
  const [, year = '', month = ''] = /^(\d{4})-(\d{2})/.exec(iso) ?? [];
  const first = DateTime.utc(Number(year), Number(month));
  if (!first.isValid) return `there is no month ${month}: ${FORMS}`;
  const [day] = /(?<=^\d{4}-\d{2}-)\d{2}/.exec(iso) ?? [];
  const { daysInMonth } = first;
  if (Number(day) <= daysInMonth && Number(day) > 0) return `there is no such time of day: ${FORMS}`;
  return `there is no such day: ${year}-${month} has ${daysInMonth} days`;
}

/** Which date the word names, in a zone; null if it names none. */
function dayOf({ text, quoted }: Word, { nowMs }: Clock): ((timeZone: string) => string) | null {
  if (quoted) return null;
  if (DATE.test(text)) return () => text;
  const days = { today: 0, tomorrow: 1 }[text.toLowerCase()];
  if (days === undefined) return null;
  return (zone) => DateTime.fromMillis(nowMs, { zone }).plus({ days }).toISODate() ?? '';
}

function padded([, hour = '', minute = '']: RegExpExecArray): string {
  return `${hour.padStart(2, '0')}:${minute}`;
}

/** The zone that a word names; a word with a slash that names none is a mistake. */
function zoneOf(word: Word | undefined): string | null {
  if (!word || word.quoted) return null;
  if (/^(utc|gmt|z)$/i.test(word.text)) return 'UTC';
  const [, sign, hours, minutes = '00'] = OFFSET.exec(word.text) ?? [];
  if (sign !== undefined && Number(hours) <= 14) return `UTC${sign}${Number(hours)}:${minutes}`;
  if (SHORT_ZONES.has(word.text)) {
    throw new CommandError(
      `${word.text} is a zone in several countries: write it as Europe/Berlin, or as +01:00`,
      word,
    );
  }
  if (!/^[A-Za-z_]+(\/[A-Za-z0-9_+-]+)+$/.test(word.text)) return null;
  if (IANAZone.isValidZone(word.text)) return word.text;
  const hint = hintOf(word.text, Intl.supportedValuesOf('timeZone'));
  throw new CommandError(`there is no such time zone: write it as Europe/Berlin or Asia/Colombo${hint}`, word);
}

function local(iso: string, timeZone: string, span: Span): DateTime {
  const at = DateTime.fromISO(iso, { zone: timeZone });
  if (!at.isValid) throw new CommandError(noSuchDay(iso), span);
  if (!at.toISO({ includeOffset: false })?.startsWith(iso)) {
    const text = `clocks go forward then in ${timeZone}: there is no such time that day. Write ${at.toFormat('HH:mm')}`;
    throw new CommandError(text, span);
  }
  const [first, second] = at.getPossibleOffsets();
  if (first && second) {
    const [earlier, later] = [first, second].map((each) => `${each.toUTC().toFormat("yyyy-MM-dd'T'HH:mm")}Z`);
    const text = `clocks go back then in ${timeZone}: this time comes twice. Write ${earlier} or, an hour later, ${later}`;
    throw new CommandError(text, span);
  }
  return at;
}

function within(atMs: number, { nowMs, timeZone }: Clock, span: Span, zone: string | null = null): number {
  if (atMs <= nowMs) {
    const now = DateTime.fromMillis(nowMs, { zone: zone ?? timeZone }).toFormat('yyyy-MM-dd HH:mm');
    throw new CommandError(`this time has passed: it is ${now} in ${zone ?? timeZone} now`, span);
  }
  if (atMs - nowMs > YEAR_MS) throw new CommandError('this is more than a year away: write a nearer time', span);
  return atMs;
}
