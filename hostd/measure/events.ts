/** One line of `virsh event` or `virsh qemu-monitor-event`. */
export type HostEvent =
  | { kind: 'lifecycle'; domain: string; event: string; detail: string }
  | { kind: 'qemu'; domain: string; event: string; data: unknown; atMs: number }
  | { kind: 'other'; domain: string; event: string };

/**
 * `event MIGRATION at 1795440113.123456 for domain 'instance-0000000a': {"status":"active"}`: without --timestamp virsh
 * prints QEMU's own time of the event, which is nearer to the guest's stop than the time of printing.
 */
const QEMU = /^event (\S+) at (\d+)\.(\d{6}) for domain '(.*)': (.*)$/;
/** `event 'lifecycle' for domain 'instance-0000000a': Suspended Post-copy` */
const LIBVIRT = /^(?:.*: )?event '([^']+)' for domain '(.*?)':?(?:: ?(.*))?$/;

/** Null for a line that is no event (the further lines of a job-completed event, messages of virsh). */
export function parseEventLine(line: string): HostEvent | null {
  const qemu = QEMU.exec(line);
  if (qemu) {
    const [, event = '', seconds = '0', micros = '0', domain = '', text = ''] = qemu;
    return { kind: 'qemu', domain, event, data: parseData(text), atMs: Number(seconds) * 1000 + Number(micros) / 1000 };
  }
  const libvirt = LIBVIRT.exec(line);
  if (libvirt === null) return null;
  const [, event = '', domain = '', text = ''] = libvirt;
  if (event !== 'lifecycle') return { kind: 'other', domain, event };
  const [what = '', ...detail] = text.trim().split(' ');
  return { kind: 'lifecycle', domain, event: what, detail: detail.join(' ') };
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // QEMU events without data print "(null)".
    return null;
  }
}
