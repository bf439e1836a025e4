import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunCommand, runCommand } from './command.ts';
import { NOVA_DEFAULTS, type NovaOptions, parseNovaConf } from './novaconf.ts';

/** nova.conf and the files of nova.conf.d beside it, in the order that Nova reads them; null if there is none. */
export async function readNovaConf(file: string): Promise<NovaOptions | null> {
  const directory = `${file}.d`;
  const more = await readdir(directory).catch(() => []);
  const files = [
    file,
    ...more
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => join(directory, name)),
  ];
  let options: NovaOptions | null = null;
  for (const each of files) {
    const text = await readFile(each, 'utf8').catch(() => null);
    if (text !== null) options = parseNovaConf(text, options ?? NOVA_DEFAULTS);
  }
  return options;
}

/** The user that QEMU runs as: libvirt's qemu.conf, else Debian's default. */
async function qemuUser(file = '/etc/libvirt/qemu.conf'): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return /^\s*user\s*=\s*"?\+?([^"\s]+)"?/m.exec(text)?.[1] ?? 'libvirt-qemu';
}

export interface PostCopy {
  permitted: boolean;
  reason: string;
}

export interface PostCopyFacts {
  /** Null where nova.conf cannot be read. */
  nova: NovaOptions | null;
  /** The user that QEMU runs as. */
  qemuUser: string;
  /** vm.unprivileged_userfaultfd is 1. */
  unprivileged: boolean;
}

/** Whether Nova and the kernel both let QEMU do post-copy here. */
export async function probePostCopy(novaConf: string, nova: NovaOptions | null): Promise<PostCopy> {
  const sysctl = await readFile('/proc/sys/vm/unprivileged_userfaultfd', 'utf8').catch(() => '0');
  return judgePostCopy(novaConf, { nova, qemuUser: await qemuUser(), unprivileged: sysctl.trim() === '1' });
}

/**
 * Rights on /dev/userfaultfd (Linux 6.1, QEMU 8.1) count for nothing: QEMU's age, libvirt's device cgroup and its own /dev
 * for each guest decide too, and where post-copy is permitted wrongly Nova's `force_complete` pauses the guest.
 *
 * | nova.conf | QEMU runs as | unprivileged | permitted |
 * |---|---|---|---|
 * | not read, or does not permit it | any | any | no |
 * | permits it | root | any | yes |
 * | permits it | another | yes | yes |
 * | permits it | another | no | no |
 *
 * @param novaConf - only named in the reason.
 */
export function judgePostCopy(novaConf: string, { nova, qemuUser: user, unprivileged }: PostCopyFacts): PostCopy {
  if (nova === null) {
    return {
      permitted: false,
      reason: `${novaConf} cannot be read. Set novaConf in hostd's configuration to Nova's own file.`,
    };
  }
  if (!nova.permitPostCopy) {
    return {
      permitted: false,
      reason: `live_migration_permit_post_copy is not true. Set it in [libvirt] of ${novaConf} and restart nova-compute.`,
    };
  }
  if (user === 'root' || user === '0') return { permitted: true, reason: 'Nova permits it and QEMU runs as root.' };
  if (unprivileged) return { permitted: true, reason: 'Nova permits it and vm.unprivileged_userfaultfd is 1.' };
  return {
    permitted: false,
    reason:
      `QEMU runs as ${user}, which may not use userfaultfd. Set vm.unprivileged_userfaultfd=1 with sysctl and in ` +
      '/etc/sysctl.d; hostd sees it within 30 s.',
  };
}

export interface Versions {
  libvirt: string;
  qemu: string;
}

/** From `virsh version`; `unknown` while libvirt does not answer. */
export async function readVersions(uri: string, run: RunCommand = runCommand): Promise<Versions> {
  const text = await run('virsh', ['-q', '-c', uri, 'version']).catch(() => '');
  return parseVersions(text);
}

export function parseVersions(text: string): Versions {
  return {
    libvirt: /^Using library: libvirt (\S+)/m.exec(text)?.[1] ?? 'unknown',
    qemu: /^Running hypervisor: QEMU (\S+)/m.exec(text)?.[1] ?? 'unknown',
  };
}

export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** Where hostd looks for what nova.conf says of the migration address. */
export function migrationAddress(configured: string | undefined, nova: NovaOptions | null): string | null {
  return configured ?? nova?.inboundAddress ?? nova?.myIp ?? null;
}
