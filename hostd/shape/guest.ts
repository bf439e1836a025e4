import type { GuestLimits } from './combine.ts';

/** What libvirt holds for the migrations of one guest, in its own units; absent: not known or not asked for. */
export interface GuestSettings {
  /** migrate-setmaxdowntime. */
  downtimeMs?: number | undefined;
  /** migrate-setspeed, MiB/s: pre-copy. */
  speedMebibytes?: number | undefined;
  /** migrate-setspeed --postcopy, MiB/s; 0 is unlimited. Pages that the guest asks for are sent beyond it. */
  postCopySpeedMebibytes?: number | undefined;
}

const NAMES = ['downtimeMs', 'speedMebibytes', 'postCopySpeedMebibytes'] as const;

/** libvirt refuses 2^43 MiB/s and more. */
const MOST_MEBIBYTES = 2 ** 43 - 1;

/** Never more than asked for: whole MiB/s, rounded down, but at least 1. 100 Mbit/s are 11.9 MiB/s, so 11. */
export function wantedSettings(limits: GuestLimits): GuestSettings {
  const { maxDowntimeMs, maxBandwidthBitsPerSecond } = limits;
  const settings: GuestSettings = maxDowntimeMs === null ? {} : { downtimeMs: maxDowntimeMs };
  if (maxBandwidthBitsPerSecond === null) return settings;
  const mebibytes = Math.min(MOST_MEBIBYTES, Math.max(1, Math.floor(maxBandwidthBitsPerSecond / 8 / 2 ** 20)));
  return { ...settings, speedMebibytes: mebibytes, postCopySpeedMebibytes: mebibytes };
}

export interface GuestStep {
  /** What was found before the first change: to be on disk before anything is set. */
  record: GuestSettings;
  set: GuestSettings;
  /** The record once all of that is set: what was put back needs to be known no longer. */
  keep: GuestSettings;
}

/**
 * From what was found, what is wanted and what libvirt says now to what must be done. A setting that cannot be read is
 * not changed: it could not be put back.
 *
 * | found | wanted | now | record | set | keep |
 * |-------|--------|-----|--------|-----|------|
 * | -     | 10     | 99  | 99     | 10  | 99   |
 * | 99    | 10     | 10  | 99     | -   | 99   |
 * | 99    | 10     | 50  | 99     | 10  | 99   |
 * | 99    | -      | 10  | 99     | 99  | -    |
 */
export function stepGuest(found: GuestSettings, wanted: GuestSettings, now: GuestSettings): GuestStep {
  const step: GuestStep = { record: { ...found }, set: {}, keep: {} };
  for (const name of NAMES) {
    const record = found[name] ?? (wanted[name] === undefined ? undefined : now[name]);
    if (record === undefined) continue;
    step.record[name] = record;
    const target = wanted[name] ?? record;
    if (target !== now[name]) step.set[name] = target;
    if (wanted[name] !== undefined) step.keep[name] = record;
  }
  return step;
}

export function isEmpty(settings: GuestSettings): boolean {
  return NAMES.every((name) => settings[name] === undefined);
}

export function sameSettings(one: GuestSettings, other: GuestSettings): boolean {
  return NAMES.every((name) => one[name] === other[name]);
}

/** The commands of virsh that read the three settings, in this order. */
export function readCommands(vmUuid: string): string[][] {
  return [
    ['migrate-getmaxdowntime', vmUuid],
    ['migrate-getspeed', vmUuid],
    ['migrate-getspeed', vmUuid, '--postcopy'],
  ];
}

/** What they printed: a number, or nothing if the command failed. */
export function parseSettings(outputs: readonly (string | null)[]): GuestSettings {
  const settings: GuestSettings = {};
  for (const [index, name] of NAMES.entries()) {
    const text = outputs[index]?.trim() ?? '';
    if (/^\d+$/.test(text)) settings[name] = Number(text);
  }
  return settings;
}

export function setCommands(vmUuid: string, settings: GuestSettings): string[][] {
  const { downtimeMs, speedMebibytes, postCopySpeedMebibytes } = settings;
  const commands: string[][] = [];
  if (downtimeMs !== undefined) commands.push(['migrate-setmaxdowntime', vmUuid, String(downtimeMs)]);
  if (speedMebibytes !== undefined) commands.push(['migrate-setspeed', vmUuid, String(speedMebibytes)]);
  if (postCopySpeedMebibytes !== undefined) {
    commands.push(['migrate-setspeed', vmUuid, String(postCopySpeedMebibytes), '--postcopy']);
  }
  return commands;
}
