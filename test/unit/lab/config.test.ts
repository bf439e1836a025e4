import { expect, test } from 'vitest';
import { etcHosts, keystoneConf, mariadbArguments } from '../../lab/config/control.ts';
import { renderIni } from '../../lab/config/ini.ts';
import { libvirtdConf, qemuConf } from '../../lab/config/libvirt.ts';
import { neutronAgentConf, tenantBridge } from '../../lab/config/neutron.ts';
import { novaComputeConf, novaControlConf } from '../../lab/config/nova.ts';
import { portRateCommands } from '../../lab/network.ts';
import { DEFAULT_OPTIONS, labPaths, planHost } from '../../lab/plan.ts';

const paths = labPaths('unit');
const first = planHost('unit', 1);
const second = planHost('unit', 2);

/** The options of one section of an INI. */
function section(ini: string, name: string): Record<string, string> {
  const body = ini.split(/^\[/m).find((part) => part.startsWith(`${name}]`)) ?? '';
  return Object.fromEntries([...body.matchAll(/^(\w+) = (.*)$/gm)].map(([, option, value]) => [option, value]));
}

test('later parts of an INI add to and override earlier ones, each section once', () => {
  const ini = renderIni({ a: { x: 1, y: true } }, { b: { z: '' }, a: { x: 2 } });
  expect(ini).toBe('[a]\nx = 2\ny = true\n\n[b]\nz = \n');
});

test('post-copy is permitted except where it is asked not to be', () => {
  const options = { ...DEFAULT_OPTIONS, withoutPostCopy: ['compute-2'], maxLiveMigrations: 7 };
  const libvirt = (host: typeof first) => section(novaComputeConf(paths, host, options), 'libvirt');
  expect(libvirt(first).live_migration_permit_post_copy).toBe('true');
  expect(libvirt(second).live_migration_permit_post_copy).toBe('false');
  const defaults = section(novaComputeConf(paths, first, options), 'DEFAULT');
  expect(defaults.max_concurrent_live_migrations).toBe('7');
  expect(defaults.host).toBe('compute-1');
});

test('hosts share neither locks nor state nor logs', () => {
  const [a, b] = [first, second].map((host) => novaComputeConf(paths, host, DEFAULT_OPTIONS));
  for (const [name, option] of [
    ['oslo_concurrency', 'lock_path'],
    ['DEFAULT', 'state_path'],
    ['DEFAULT', 'log_file'],
    ['DEFAULT', 'my_ip'],
  ] as const) {
    expect(section(a ?? '', name)[option]).toBeDefined();
    expect(section(a ?? '', name)[option]).not.toBe(section(b ?? '', name)[option]);
  }
  expect(neutronAgentConf(paths, first)).not.toBe(neutronAgentConf(paths, second));
});

test('only the control plane knows the databases', () => {
  expect(section(novaControlConf(paths), 'database').connection).toContain(paths.databaseSocket);
  expect(novaComputeConf(paths, first, DEFAULT_OPTIONS)).not.toContain('mysql');
  expect(keystoneConf(paths)).toContain('mysql+pymysql');
  expect(mariadbArguments(paths)[0]).toBe('--no-defaults'); // MariaDB takes it in the first place only
});

test('libvirt listens on the address that its guests migrate to, and says that the disks are shared', () => {
  expect(libvirtdConf(paths, first)).toContain(`listen_addr = "${first.address}"`);
  expect(qemuConf(first)).toContain(`migration_address = "${first.address}"`);
  expect(qemuConf(first)).toContain('shared_filesystems = ["/var/lib/nova/instances"]');
});

test('a port has its rate and a queue of 20 ms, but of two packets of 64 KiB at the least', () => {
  expect(portRateCommands('port-1', 500)).toEqual([
    'qdisc add dev port-1 root handle 1: htb default 10 r2q 100',
    'class add dev port-1 parent 1: classid 1:10 htb rate 500mbit ceil 500mbit burst 64k cburst 64k quantum 60000',
    'qdisc add dev port-1 parent 1:10 handle 10: bfifo limit 1250000',
  ]);
  expect(portRateCommands('port-1', 10).at(-1)).toContain('limit 131072');
});

test("names are Neutron's own", () => {
  expect(tenantBridge('c6cb9308-a5d1-4b5e-8a6b-000000000000')).toBe('brqc6cb9308-a5');
  expect(etcHosts([first])).toContain('10.77.0.11 compute-1\n');
});

test('Nova tells of what it does by versioned notifications, on the hosts and in the control plane', () => {
  for (const conf of [novaControlConf(paths), novaComputeConf(paths, first, DEFAULT_OPTIONS)]) {
    expect(section(conf, 'notifications').notification_format).toBe('versioned');
    expect(section(conf, 'oslo_messaging_notifications').driver).toBe('messagingv2');
  }
});
