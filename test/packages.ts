/**
 * Installs the Debian packages that the tests (`host`), the OpenStack lab (`lab`), its comparison by tempest (`tempest`)
 * and the bench of the proxy (`proxies`) need:
 *
 *     node test/packages.ts [host] [lab] [proxies] [tempest]
 *
 * Nothing to do costs one `dpkg-query`. No service that comes with a package is started or left enabled: the lab starts
 * its own copies inside its own network namespaces.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HOST_PACKAGES = [
  ...['iproute2', 'nftables', 'iperf3', 'iputils-ping', 'openssl', 'procps', 'tcpdump'],
  // virsh with libvirt's own test driver.
  'libvirt-clients',
  // hostd's unit is run by a systemd of its own.
  ...['systemd', 'dbus'],
  // Before Drover, as plugin/deploy has it.
  'haproxy',
];

const OPENSTACK_PACKAGES = [
  ...['keystone', 'placement-api', 'glance-api', 'neutron-server', 'neutron-linuxbridge-agent'],
  ...['nova-api', 'nova-conductor', 'nova-scheduler', 'nova-compute', 'uwsgi-plugin-python3'],
  ...[
    'rabbitmq-server',
    'mariadb-server',
    'memcached',
    'python3-pymysql',
    'python3-openstackclient',
    'python3-novaclient',
  ],
  // The guest: an agent linked statically, in an initramfs of busybox.
  ...['busybox-static', 'gcc', 'libc6-dev', 'cpio'],
];

/** What bench:proxy compares with, and its load. */
const PROXY_PACKAGES = ['haproxy', 'nginx-light', 'wrk', 'gcc', 'libc6-dev'];

/**
 * QEMU 7.2 of Debian 12 loses dirty pages in a pre-copy under software emulation; QEMU 10 of its backports does not.
 * Every binary package of the same source is named, or apt would keep the older ones of its default release.
 */
const BACKPORTS_PACKAGES = [
  ...['qemu-system-x86', 'qemu-system-common', 'qemu-system-data', 'qemu-utils', 'seabios'],
  ...['libvirt0', 'libvirt-common', 'libvirt-clients', 'libvirt-daemon', 'libvirt-daemon-common'],
  ...['libvirt-daemon-log', 'libvirt-daemon-system', 'libvirt-daemon-system-systemd', 'libvirt-daemon-config-network'],
  ...['libvirt-daemon-config-nwfilter', 'libvirt-daemon-driver-network', 'libvirt-daemon-driver-nodedev'],
  ...['libvirt-daemon-driver-nwfilter', 'libvirt-daemon-driver-qemu', 'libvirt-daemon-driver-secret'],
  'libvirt-daemon-driver-storage',
];

/**
 * nova-compute depends on a package that provides `nova-compute-hypervisor`; Debian's pull in every emulator, which
 * libvirt then probes for 50 s. This one pulls in x86 only.
 */
const HYPERVISOR_PACKAGE = 'drover-lab-nova-hypervisor';
const HYPERVISOR_CONTROL = `Package: ${HYPERVISOR_PACKAGE}
Version: 1.0
Architecture: all
Maintainer: Drover lab <root@localhost>
Provides: nova-compute-hypervisor
Depends: python3-libvirt, libvirt-daemon-system, qemu-system-x86
Description: lets nova-compute use qemu-system-x86 alone
`;

const RELEASE = 'bookworm';
const BACKPORTS = `${RELEASE}-backports`;
const BACKPORTS_SOURCE = '/etc/apt/sources.list.d/drover-backports.sources';
const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_SAVED = `${POLICY}.before-drover`;
const LOCK = '/var/lock/drover-packages.lock';
const LOCK_HELD = 'DROVER_PACKAGES_LOCKED';
const LOCK_WAIT_SECONDS = 900;

const TEMPEST_PACKAGES = ['python3-tempest', 'subunit'];

const SETS = ['host', 'lab', 'proxies', 'tempest'] as const;
type PackageSet = (typeof SETS)[number];

/** The machine's own tools only, and no question asked by a package's scripts. */
const environment = {
  ...process.env,
  PATH: '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
  DEBIAN_PRIORITY: 'critical',
  NEEDRESTART_MODE: 'l',
};

function read(command: string, args: string[]): string {
  return execFileSync(command, args, { env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function run(command: string, args: string[]): void {
  const done = spawnSync(command, args, { env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
  if (done.status !== 0) {
    throw new Error(`"${[command, ...args].join(' ')}" ended with ${done.status ?? done.signal ?? done.error}`);
  }
}

/** Version of each of `names` that dpkg says is completely installed. */
function installedVersions(names: string[]): Map<string, string> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const format = '${binary:Package} ${Version} ${db:Status-Abbrev}\\n';
  const query = spawnSync('dpkg-query', ['-W', '-f', format, ...names], { env: environment, encoding: 'utf8' });
  const versions = new Map<string, string>();
  for (const line of query.stdout.split('\n')) {
    const [name, version, state] = line.split(' ');
    if (name !== undefined && version !== undefined && state === 'ii') versions.set(name.replace(/:.*/, ''), version);
  }
  return versions;
}

/** What is missing of the sets, as apt arguments (`name` or `name/release`). */
function missingPackages(sets: PackageSet[]): { plain: string[]; backports: string[]; hypervisor: boolean } {
  const lab = sets.includes('lab');
  const backports = lab ? BACKPORTS_PACKAGES : [];
  const wanted = [
    ...HOST_PACKAGES,
    ...(lab ? OPENSTACK_PACKAGES : []),
    ...(sets.includes('proxies') ? PROXY_PACKAGES : []),
    ...(sets.includes('tempest') ? TEMPEST_PACKAGES : []),
  ];
  const plain = [...new Set(wanted)].filter((name) => !backports.includes(name));
  const installed = installedVersions([...plain, ...backports, HYPERVISOR_PACKAGE]);
  return {
    plain: plain.filter((name) => !installed.has(name)),
    backports: backports.filter((name) => !installed.get(name)?.includes('~bpo12')),
    hypervisor: lab && !installed.has(HYPERVISOR_PACKAGE),
  };
}

function assertSupported(): void {
  if (process.getuid?.() !== 0) throw new Error('installing packages needs root: run this command as root');
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  if (!/^ID=debian$/m.test(release) || !/^VERSION_ID="?12"?$/m.test(release)) {
    const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? 'an unknown system';
    throw new Error(`the packages are those of Debian 12 (${RELEASE}); this machine runs ${name}`);
  }
}

/** Adds the backports of the mirror that this machine already uses. */
function addBackports(): void {
  const targets = read('apt-get', ['indextargets', '--format', '$(SITE) $(RELEASE)']).trim().split('\n');
  const sites = targets.map((line) => line.split(' '));
  if (sites.some(([, release]) => release === BACKPORTS)) return;
  const site = sites.find(([, release]) => release === RELEASE)?.[0];
  if (site === undefined) throw new Error(`apt has no source for ${RELEASE}: see /etc/apt/sources.list.d`);
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  writeFileSync(
    BACKPORTS_SOURCE,
    `Types: deb\nURIs: ${site}\nSuites: ${BACKPORTS}\nComponents: main\nSigned-By: ${keyring}\n`,
  );
}

function buildHypervisorPackage(directory: string): string {
  const tree = join(directory, 'tree');
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
  writeFileSync(join(tree, 'DEBIAN', 'control'), HYPERVISOR_CONTROL);
  const deb = join(directory, `${HYPERVISOR_PACKAGE}.deb`);
  chmodSync(directory, 0o755); // apt reads it as user _apt
  run('dpkg-deb', ['--build', '-Zgzip', '--root-owner-group', tree, deb]);
  return deb;
}

/** Names linked into a systemd target or a SysV run level: what would start at the next boot. */
function enabledServices(): Set<string> {
  const names = new Set<string>();
  for (const entry of readdirSync('/etc/systemd/system', { recursive: true, encoding: 'utf8' })) {
    const unit = /\.(?:wants|requires)\/([^/]+)$/.exec(entry)?.[1];
    if (unit !== undefined) names.add(unit);
  }
  for (const level of readdirSync('/etc').filter((name) => /^rc[2-5S]\.d$/.test(name))) {
    for (const link of readdirSync(join('/etc', level))) {
      const script = /^S\d\d(.+)$/.exec(link)?.[1];
      if (script !== undefined) names.add(script);
    }
  }
  return names;
}

/** By systemctl, which also works where systemd does not run, or by update-rc.d where there is none. */
function disableServices(names: string[]): void {
  const units = names.filter((name) => /\.\w+$/.test(name));
  const scripts = names.filter((name) => !units.includes(name));
  const hasSystemd = existsSync('/usr/bin/systemctl');
  if (hasSystemd && units.length > 0) run('systemctl', ['--quiet', '--no-reload', 'disable', ...units]);
  for (const script of scripts) run('update-rc.d', [script, 'disable']);
}

/** Runs `work` while no maintainer script may start a service; puts back what was there, also after a killed run. */
function withoutStartingServices(work: () => void): void {
  if (!existsSync(POLICY_SAVED) && existsSync(POLICY)) renameSync(POLICY, POLICY_SAVED);
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    work();
  } finally {
    rmSync(POLICY);
    if (existsSync(POLICY_SAVED)) renameSync(POLICY_SAVED, POLICY);
  }
}

function install(sets: PackageSet[]): void {
  const missing = missingPackages(sets);
  const wanted = [...missing.plain, ...missing.backports.map((name) => `${name}/${BACKPORTS}`)];
  if (wanted.length === 0 && !missing.hypervisor) return;
  const directory = mkdtempSync(join(tmpdir(), 'drover-packages-'));
  try {
    if (sets.includes('lab')) addBackports();
    if (missing.hypervisor) wanted.push(buildHypervisorPackage(directory));
    run('apt-get', ['update', '-q']);
    const before = enabledServices();
    try {
      withoutStartingServices(() => {
        const options = ['-o', 'Dpkg::Options::=--force-confold', '-o', 'DPkg::Lock::Timeout=600'];
        run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...options, ...wanted]);
      });
    } finally {
      disableServices([...enabledServices()].filter((name) => !before.has(name)));
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function main(args: string[]): void {
  const unknown = args.filter((name) => !SETS.some((set) => set === name));
  if (unknown.length > 0) throw new Error(`unknown set ${unknown.join(', ')}: there are ${SETS.join(', ')}`);
  const sets = SETS.filter((name) => args.includes(name) || name === 'host');
  const missing = missingPackages(sets);
  if (missing.plain.length + missing.backports.length === 0 && !missing.hypervisor) return;
  assertSupported();
  if (process.env[LOCK_HELD] !== undefined) {
    install(sets);
    return;
  }
  // Two test runs side by side: the second one waits here and then finds nothing to do.
  const self = [process.execPath, import.meta.filename, ...args];
  const done = spawnSync('flock', ['--wait', String(LOCK_WAIT_SECONDS), LOCK, ...self], {
    env: { ...environment, [LOCK_HELD]: '1' },
    stdio: 'inherit',
  });
  process.exitCode = done.status ?? 1;
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`packages: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
