/** Runs hostd as the systemd unit does: as a user of its own that has CAP_NET_ADMIN and nothing else. */
import { execFileSync } from 'node:child_process';
import { join, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
/** Debian's `nobody`; no file of the machine is its own. */
export const SERVICE_UID = 65_534;
/** Where the user sees the project: a checkout below /root is not open to it. */
const SEEN_AT = '/mnt';

/**
 * The argument vector that runs a script of the project with `args` as that user, in a mount namespace of its own.
 * `environment` is set for the script alone, not for the programs that bring it there; `groups` are the groups that the
 * user has beside its own.
 */
export function asService(
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  groups: readonly string[] = [],
): string[] {
  const node = relative(ROOT, process.execPath);
  const seenNode = node.startsWith('..') ? process.execPath : join(SEEN_AT, node);
  const capabilities = ['--inh-caps', '--ambient-caps', '--bounding-set'].map((set) => `${set}=-all,+net_admin`);
  return [
    ...['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" "$1" && shift && exec "$@"', ROOT, SEEN_AT],
    ...['setpriv', '--reuid', String(SERVICE_UID), '--regid', String(SERVICE_UID)],
    ...(groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')]),
    ...['--no-new-privs', ...capabilities, '/usr/bin/env'],
    ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ...[seenNode, join(SEEN_AT, script), ...args],
  ];
}

/** What the user shall read and write: its configuration, keys and state. */
export function giveToService(directory: string): void {
  execFileSync('chown', ['-R', `${SERVICE_UID}:${SERVICE_UID}`, directory]);
}
