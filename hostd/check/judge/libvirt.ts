import type { Versions } from '../../capability.ts';
import { type Finding, fail, ok, warn } from '../finding.ts';

export interface LibvirtFacts {
  uri: string;
  /** Null where the URI names no socket of this host. */
  socket: { path: string; error: 'missing' | 'forbidden' | null } | null;
  /** Why `virsh version` failed; null: it did not. */
  error: string | null;
  versions: Versions;
  /** Why events of QEMU cannot be followed; null: they can. */
  eventsError: string | null;
  /** Why jobs cannot be read; null: they can; undefined: no VM runs here to ask of. */
  jobError: string | null | undefined;
}

/** domdirtyrate-calc: libvirt 7.2.0 (its release notes). */
const DIRTY_RATE_SINCE = [7, 2] as const;

export function judgeLibvirt(facts: LibvirtFacts): Finding[] {
  const { uri, socket, error, eventsError, jobError } = facts;
  if (error !== null) return [fail('libvirt.connection', `${uri}: ${error}`, whatToDo(uri, socket))];
  return [
    judgeVersion(facts.versions, uri),
    eventsError === null
      ? ok('libvirt.events', "QEMU's events can be followed")
      : fail(
          'libvirt.events',
          `QEMU's events cannot be followed: ${eventsError}`,
          'Migrations are then seen by polling alone. The connection must be read-write: the group libvirt, and no "?readonly" or access driver in between.',
        ),
    jobError === undefined
      ? ok('libvirt.jobs', 'no VM runs here to ask of')
      : jobError === null
        ? ok('libvirt.jobs', 'jobs can be read')
        : fail('libvirt.jobs', `jobs cannot be read: ${jobError}`, "Let hostd's user use the read-write connection."),
  ];
}

function judgeVersion({ libvirt, qemu }: Versions, uri: string): Finding {
  const found = `${uri}: libvirt ${libvirt}, QEMU ${qemu}`;
  const [major = 0, minor = 0] = libvirt.split('.').map(Number);
  const [wantedMajor, wantedMinor] = DIRTY_RATE_SINCE;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return ok('libvirt.connection', found);
  return warn('libvirt.connection', `${found}: dirty rates cannot be measured`, 'Install libvirt 7.2 or later.');
}

function whatToDo(uri: string, socket: LibvirtFacts['socket']): string {
  if (socket?.error === 'missing')
    return `${socket.path} is not there: start libvirtd (or virtqemud), or set libvirtUri.`;
  if (socket?.error === 'forbidden') {
    return `Give hostd's user read and write access to ${socket.path}: usermod -aG libvirt drover-hostd, then restart it.`;
  }
  return `virsh -c ${uri} version, as the service's user, must work.`;
}
