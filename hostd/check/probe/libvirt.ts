import { access, constants } from 'node:fs/promises';
import { parseVersions } from '../../capability.ts';
import { describeError } from '../../errors.ts';
import { Virsh } from '../../libvirt/virsh.ts';
import type { LibvirtFacts } from '../judge/libvirt.ts';

/** Of libvirtd, and of the daemon of one driver that newer distributions run (libvirt's docs, daemons). */
const SOCKETS = ['/run/libvirt/virtqemud-sock', '/run/libvirt/libvirt-sock'];
/** Long enough that a refusal has come. */
const EVENTS_SECONDS = 1;

export async function probeLibvirt(uri: string): Promise<LibvirtFacts> {
  const virsh = new Virsh(uri);
  const failure = (call: Promise<unknown>) => call.then(() => null, describeError);
  const socket = await probeSocket(uri);
  let text = '';
  const error = await failure(
    virsh.one('version').then((answer) => {
      text = answer;
    }),
  );
  if (error !== null) {
    return { uri, socket, error, versions: parseVersions(''), eventsError: null, jobError: undefined };
  }
  // Without an event in its time it ends with status 1 and no error; a refusal is one.
  const events = await failure(virsh.one('qemu-monitor-event', '--timeout', String(EVENTS_SECONDS)));
  const vm = (await virsh.one('list', '--uuid').catch(() => '')).trim().split('\n')[0] ?? '';
  return {
    uri,
    socket,
    error,
    versions: parseVersions(text),
    eventsError: events === null || /: Command failed: /.test(events) ? null : events,
    jobError: vm === '' ? undefined : await failure(virsh.one('domjobinfo', vm)),
  };
}

/** Null where the URI leads elsewhere than to a socket of this host. */
async function probeSocket(uri: string): Promise<LibvirtFacts['socket']> {
  const named = /^qemu(?:\+unix)?:\/\/\/.*[?&]socket=([^&]+)/.exec(uri)?.[1];
  if (named === undefined && !/^qemu(?:\+unix)?:\/\/\/system(?:$|\?)/.test(uri)) return null;
  const paths = named === undefined ? SOCKETS : [decodeURIComponent(named)];
  for (const path of paths) {
    const error = await access(path, constants.R_OK | constants.W_OK).then(
      () => null,
      ({ code }: NodeJS.ErrnoException) => code,
    );
    if (error === null) return { path, error: null };
    if (error !== 'ENOENT') return { path, error: 'forbidden' };
  }
  return { path: paths[0] ?? '', error: 'missing' };
}
