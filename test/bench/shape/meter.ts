/**
 * Reads the class counters of the network namespace that it runs in, with one line of JSON a reading:
 * `ip netns exec NAME node meter.ts EVERY_MS DEVICE…`.
 */
import { getLink, parseDeviceCounters } from '../../../hostd/measure/count/linkcodec.ts';
import { Questioner } from '../../../hostd/measure/count/question.ts';
import { dumpClasses, parseClass } from './classcodec.ts';

/** Figures of one counter: bytes, backlog in bytes, dropped packets. */
export type Figures = [bytes: number, backlogBytes: number, drops: number];

export interface MeterReading {
  /** CLOCK_MONOTONIC, which all processes of the machine share. */
  atMs: number;
  /** By device and minor number of the class (`nic0 20`), or by device and direction (`nic0 tx`). */
  counters: Record<string, Figures>;
}

export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function read(kernel: Questioner, devices: readonly string[]): MeterReading {
  const counters: MeterReading['counters'] = {};
  const atMs = monotonicMs();
  for (const device of devices) {
    let ifindex = 0;
    kernel.ask(
      (sequence) => getLink(sequence, device),
      (part, type, from, to) => {
        const link = parseDeviceCounters(part, type, from, to);
        if (link === null) return;
        ifindex = link.index;
        counters[`${device} tx`] = [link.txBytes, 0, 0];
        counters[`${device} rx`] = [link.rxBytes, 0, 0];
      },
    );
    if (ifindex === 0) continue;
    kernel.ask(
      (sequence) => dumpClasses(sequence, ifindex),
      (part, type, from, to) => {
        const each = parseClass(part, type, from, to);
        if (each) counters[`${device} ${each.minor.toString(16)}`] = [each.bytes, each.backlogBytes, each.drops];
      },
    );
  }
  return { atMs, counters };
}

if (import.meta.main) {
  const [everyMs, ...devices] = process.argv.slice(2);
  const kernel = new Questioner(0);
  setInterval(() => process.stdout.write(`${JSON.stringify(read(kernel, devices))}\n`), Number(everyMs));
}
