import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Frame, frame } from './frames.ts';
import type { Rig } from './rig.ts';

export interface ClassCounters {
  packets: number;
  bytes: number;
  dropped: number;
}

export type Classes = Record<'control' | 'migration' | 'workload', ClassCounters>;

/** Where each counts what it sent, and the leaves where what finds no room is dropped. */
const MINORS = {
  control: { sent: '10', leaves: ['10'] },
  migration: { sent: '20', leaves: ['20'] },
  workload: { sent: '30', leaves: ['31', '32'] },
} as const;

/** What hostd's classes on that device have sent, in tc's own words. */
export async function classCounters(rig: Rig, device: 'nic0' | 'drover-ifb0'): Promise<Classes> {
  const text = await rig.tc('-s', 'class', 'show', 'dev', device);
  const read = (minor: string): ClassCounters => {
    const pattern = `class htb d707:${minor} [^]*?Sent (\\d+) bytes (\\d+) pkt \\(dropped (\\d+)`;
    const [bytes = Number.NaN, packets = Number.NaN, dropped = Number.NaN] = (new RegExp(pattern).exec(text) ?? [])
      .slice(1)
      .map(Number);
    return { packets, bytes, dropped };
  };
  const of = ({ sent, leaves }: (typeof MINORS)[keyof typeof MINORS]): ClassCounters => ({
    ...read(sent),
    dropped: leaves.reduce((sum, leaf) => sum + read(leaf).dropped, 0),
  });
  return { control: of(MINORS.control), migration: of(MINORS.migration), workload: of(MINORS.workload) };
}

export function grown(before: Classes, after: Classes): Classes {
  const grow = (name: keyof Classes): ClassCounters => ({
    packets: after[name].packets - before[name].packets,
    bytes: after[name].bytes - before[name].bytes,
    dropped: after[name].dropped - before[name].dropped,
  });
  return { control: grow('control'), migration: grow('migration'), workload: grow('workload') };
}

/** Puts the frames on that interface; resolves when the kernel has taken all of them. */
export async function transmit(rig: Rig, namespace: string, device: string, frames: Frame[]): Promise<void> {
  const script = join(import.meta.dirname, 'transmit.ts');
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, script, device], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (more) => {
    said += more;
  });
  const lines = frames.map((each) => `${frame(each).toString('hex')}\n`).join('');
  child.stdin.end(lines);
  await once(child, 'close');
  const sent = said.trim().split('\n').length;
  if (child.exitCode !== 0 || sent !== frames.length) throw new Error(`only ${sent} frames left ${device}`);
  // What was redirected to the IFB is sent by its own tasklet.
  await rig.exec(rig.host, 'sleep', '0.2');
}

/** Without offloaded super-packets the counters of a class and of a rule count the same packets. */
export async function withoutSuperPackets(rig: Rig, ...ends: [namespace: string, device: string][]): Promise<void> {
  for (const [namespace, device] of ends) {
    await rig.exec(namespace, 'ip', 'link', 'set', 'dev', device, 'gso_max_segs', '1');
  }
}

/** A TCP flow of so many bytes at 20 Mbit/s, too slow to fill a queue. */
export async function flow(
  rig: Rig,
  { from, to, address, port, bytes }: { from: string; to: string; address: string; port: number; bytes: number },
): Promise<void> {
  await rig.iperfServer(to, port, '-1');
  await rig.exec(from, 'iperf3', '-c', address, '-p', String(port), '-n', String(bytes), '-b', '20M', '-l', '8K');
}
