import { type Finding, fail, ok, warn } from '../finding.ts';

export interface RightsFacts {
  uid: number;
  user: string;
  /** Of the effective set. */
  netAdmin: boolean;
  stateDir: { path: string; exists: boolean; error: string | null; syncMs: number };
  /** The errno of asking the kernel through netlink; null: it answers. */
  netlinkError: string | null;
}

/** A disk that takes this long to sync makes every lease wait as long. */
const SLOW_SYNC_MS = 200;

export function judgeRights({ uid, user, netAdmin, stateDir, netlinkError }: RightsFacts): Finding[] {
  return [
    uid === 0
      ? warn(
          'rights.user',
          'root: files, sockets and the state directory are open to it, so these lines say little of the service',
          'Run it as the service: drover-hostd check --user drover-hostd',
        )
      : ok('rights.user', user),
    netAdmin
      ? ok('rights.capability', 'CAP_NET_ADMIN')
      : fail(
          'rights.capability',
          `${user} does not have CAP_NET_ADMIN: no class and no counter can be made`,
          'The unit gives it (AmbientCapabilities=). By hand: as root, drover-hostd check --user USER does as the unit.',
        ),
    netlinkError === null
      ? ok('rights.netlink', 'the kernel answers')
      : fail('rights.netlink', netlinkError, 'The unit must allow AF_NETLINK (RestrictAddressFamilies=).'),
    judgeStateDir(user, stateDir),
  ];
}

function judgeStateDir(user: string, { path, exists, error, syncMs }: RightsFacts['stateDir']): Finding {
  if (!exists) {
    return warn(
      'rights.state',
      `${path} does not exist yet`,
      "systemd makes it (StateDirectory=), or hostd's first start.",
    );
  }
  if (error !== null) {
    return fail('rights.state', `cannot write in ${path}: ${error}`, `Let ${user} own it, and have space free there.`);
  }
  if (syncMs > SLOW_SYNC_MS) {
    return warn(
      'rights.state',
      `${path}: writing to disk took ${Math.round(syncMs)} ms, and every lease waits for it`,
      'Put stateDir on a faster disk.',
    );
  }
  return ok('rights.state', `${path}, written to disk in ${syncMs.toFixed(1)} ms`);
}
