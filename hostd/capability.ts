import { access, constants, readdir, readFile } from 'node:fs/promises';
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

/** Whether Nova and the kernel both let QEMU do post-copy here. */
export async function probePostCopy(novaConf: string, nova: NovaOptions | null): Promise<PostCopy> {
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
  const user = await qemuUser();
  if (user === 'root' || user === '0') return { permitted: true, reason: 'Nova permits it and QEMU runs as root.' };
  const open = await readFile('/proc/sys/vm/unprivileged_userfaultfd', 'utf8').catch(() => '0');
  if (open.trim() === '1') return { permitted: true, reason: 'Nova permits it and vm.unprivileged_userfaultfd is 1.' };
  // QEMU before 8.1 knows only the system call; since then the device comes first.
  const device = await access('/dev/userfaultfd', constants.R_OK).then(
    () => true,
    () => false,
  );
  return {
    permitted: false,
    reason:
      `QEMU runs as ${user}, which may not use userfaultfd. Set vm.unprivileged_userfaultfd=1 with sysctl` +
      `${device ? ` or give ${user} read and write access to /dev/userfaultfd` : ''}, then restart hostd.`,
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
