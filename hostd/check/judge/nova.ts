import type { PostCopy } from '../../capability.ts';
import type { NovaOptions } from '../../novaconf.ts';
import { type Finding, fail, ok, warn } from '../finding.ts';

export interface NovaFacts {
  file: string;
  /** The name that hostd goes by. */
  host: string;
  /** What Nova takes where nova.conf names no host. */
  hostname: string;
  /** Null where the file cannot be read, and `error` says why. */
  options: NovaOptions | null;
  error: string | null;
  postCopy: PostCopy;
}

/** What Nova is set to do by itself, and what of it stands in Drover's way. */
export function judgeNova({ file, host, hostname, options, error, postCopy }: NovaFacts): Finding[] {
  if (options === null) {
    return [
      fail(
        'nova.conf',
        `${file} cannot be read: ${error ?? 'unknown reason'}; post-copy counts as not permitted`,
        `Let hostd's user read it (usermod -aG nova drover-hostd, then restart hostd), or set novaConf to Nova's own file.`,
      ),
    ];
  }
  return [
    judgeHost(host, options.host ?? hostname, file),
    postCopy.permitted
      ? ok('nova.post-copy', postCopy.reason)
      : warn('nova.post-copy', 'not permitted', postCopy.reason),
    judgeBandwidth(options.liveMigrationBandwidthMebibytes),
    judgeConcurrent(options.maxConcurrentLiveMigrations),
    judgeTimeout(options),
    ...(options.tunnelled
      ? [
          fail(
            'nova.tunnelled',
            "live_migration_tunnelled is true: migrations go through libvirt's own connection, where no class knows them",
            `Set live_migration_tunnelled = false in [libvirt] of ${file} and restart nova-compute.`,
          ),
        ]
      : []),
  ];
}

function judgeHost(host: string, novaHost: string, file: string): Finding {
  if (host === novaHost) return ok('nova.conf', `${file}, of host ${novaHost}`);
  return warn(
    'nova.conf',
    `Nova calls this host ${novaHost}, hostd is configured as ${host}`,
    `Set "host" to what \`openstack compute service list\` shows.`,
  );
}

/** Nova gives it to libvirt with every migration (nova/virt/libvirt/driver.py), over what a lease has set for the VM. */
function judgeBandwidth(mebibytes: number): Finding {
  if (mebibytes === 0) return ok('nova.bandwidth', 'live_migration_bandwidth is 0: leases set the speed of each VM');
  return warn(
    'nova.bandwidth',
    `live_migration_bandwidth is ${mebibytes} MiB/s: no migration gets more, whatever its lease says`,
    'Set live_migration_bandwidth = 0 in [libvirt] and restart nova-compute, which reads it at its start only.',
  );
}

function judgeConcurrent(count: number): Finding {
  if (count === 0) return ok('nova.concurrent', 'max_concurrent_live_migrations is 0: as many as Drover starts');
  if (count > 1) return ok('nova.concurrent', `up to ${count} at once leave this host`);
  return warn(
    'nova.concurrent',
    'max_concurrent_live_migrations is 1: parallel groups leave this host one after another',
    'Raise it in [DEFAULT], where parallel migration is wanted, and restart nova-compute.',
  );
}

/** Nova's own deadline is completion_timeout seconds for each GiB of memory and disk (nova/virt/libvirt/driver.py). */
function judgeTimeout({ completionTimeoutS, timeoutAction }: NovaOptions): Finding {
  if (completionTimeoutS === 0) return ok('nova.timeout', 'Nova itself ends no migration');
  const found = `after ${completionTimeoutS} s for each GiB Nova itself`;
  if (timeoutAction === 'force_complete') {
    return warn(
      'nova.timeout',
      `${found} forces the migration: post-copy, or a paused guest, without Drover's decision`,
      'Set live_migration_timeout_action = abort, or live_migration_completion_timeout = 0, in [libvirt].',
    );
  }
  return ok('nova.timeout', `${found} aborts a migration`);
}
