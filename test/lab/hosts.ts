/** A compute host: network, mount and UTS namespaces held by one sleeping process, with its own libvirtd. */
import { chmodSync, cpSync, existsSync, mkdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { libvirtdConf, qemuConf } from './config/libvirt.ts';
import { neutronAgentConf, neutronAgentPath } from './config/neutron.ts';
import { INSTANCES, NOVA_CONF, novaComputeConf } from './config/nova.ts';
import { enter, hostProcess } from './namespaces.ts';
import { type HostPlan, hostDirectory, type LabOptions, type LabPaths } from './plan.ts';
import { logPath, must, run, startDaemon, waitFor } from './processes.ts';

/** libvirt probes every emulator that it finds, about 4 s each: it gets to see one. */
const HIDDEN_EMULATORS = ['/usr/bin/qemu-system-i386'];

/** Writes a host's configuration. */
export function writeHostFiles(paths: LabPaths, host: HostPlan, options: LabOptions): void {
  const directory = hostDirectory(paths, host);
  const libvirt = join(directory, 'etc-libvirt');
  rmSync(libvirt, { recursive: true, force: true });
  cpSync('/etc/libvirt', libvirt, { recursive: true, verbatimSymlinks: true });
  for (const name of ['lib-libvirt', 'log-libvirt', 'cache-libvirt', 'locks', 'nova', 'neutron']) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  writeFileSync(join(libvirt, 'libvirtd.conf'), libvirtdConf(paths, host));
  writeFileSync(join(libvirt, 'qemu.conf'), qemuConf(host));
  // Debian's is open to root only; here QEMU runs as root, which hostd reads from it.
  chmodSync(join(libvirt, 'qemu.conf'), 0o644);
  writeFileSync(join(directory, 'nova.conf'), novaComputeConf(paths, host, options));
  writeFileSync(neutronAgentPath(paths, host), neutronAgentConf(paths, host));
}

/** Makes the host's namespaces and starts its libvirtd. */
export async function startHost(labName: string, paths: LabPaths, host: HostPlan): Promise<void> {
  const directory = hostDirectory(paths, host);
  const name = hostProcess(host.name);
  const network = `--net=/run/netns/${host.namespace}`;
  const pid = startDaemon(paths, name, ['nsenter', network, 'unshare', '--mount', '--uts', 'sleep', 'infinity']);
  const ours = readlinkSync('/proc/self/ns/mnt');
  const separate = () =>
    readlinkSync(`/proc/${pid}/ns/mnt`) !== ours && readlinkSync(`/proc/${pid}/exe`).endsWith('sleep');
  await waitFor(`namespaces of ${host.name}`, 10_000, logPath(paths, name), separate, pid);

  const inside = (argv: string[]) => must(enter(labName, paths, host.name, argv));
  const bind = (from: string, to: string) => inside(['mount', '--bind', from, to]);
  await inside(['hostname', host.name]);
  await inside(['mount', '-t', 'sysfs', 'sysfs', '/sys']);
  await inside(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run']);
  await inside(['mkdir', '-p', '/run/libvirt', '/run/lock', '/run/user']);
  await bind(join(paths.etc, 'hosts'), '/etc/hosts');
  await bind(join(directory, 'nova.conf'), NOVA_CONF);
  await bind(join(directory, 'etc-libvirt'), '/etc/libvirt');
  for (const part of ['lib', 'log', 'cache']) {
    await bind(join(directory, `${part}-libvirt`), `/var/${part}/libvirt`);
  }
  await bind(paths.instances, INSTANCES);
  for (const emulator of HIDDEN_EMULATORS.filter(existsSync)) await bind('/dev/null', emulator);
  startDaemon(paths, `libvirtd-${host.index}`, enter(labName, paths, host.name, ['libvirtd', '--listen']));
}

export async function waitForLibvirt(labName: string, paths: LabPaths, host: HostPlan, pid?: number): Promise<void> {
  const version = enter(labName, paths, host.name, ['virsh', '-c', 'qemu:///system', 'version']);
  const log = logPath(paths, `libvirtd-${host.index}`);
  await waitFor(`libvirtd of ${host.name}`, 90_000, log, async () => (await run(version)).code === 0, pid);
}
