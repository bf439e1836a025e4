import { describe, expect, it } from 'vitest';
import { parseVersions } from '../../../hostd/capability.ts';
import { parseConfig, whyNoPeers } from '../../../hostd/config.ts';
import { NOVA_DEFAULTS, parseNovaConf } from '../../../hostd/novaconf.ts';

const GOOD = `host: compute-1
nic: nic0
listen: { address: 10.0.0.1, port: 9797 }
tls: { cert: a.crt, key: a.key, ca: ca.crt }
clients: { plugin: reserve }
migration:
  peers: [10.0.0.0/24]
`;

describe('parseConfig', () => {
  it('fills in the defaults', () => {
    expect(parseConfig(GOOD, 'hostd.yaml')).toMatchObject({
      shapeFraction: 0.96,
      windowMs: 5000,
      libvirtUri: 'qemu:///system',
    });
  });

  it('takes peers of both families, and any prefix', () => {
    const peers = '10.0.0.0/24, "fd00::/61", "fd00:1::9/128", "::/0"';
    expect(parseConfig(GOOD.replace('10.0.0.0/24', peers), 'hostd.yaml').migration.peers).toHaveLength(4);
  });

  it.each([
    ['fd00::1', ['10.0.0.0/24'], /fd00::1 is IPv6 and no IPv6 block/],
    ['10.0.0.1', ['fd00::/61'], /10\.0\.0\.1 is IPv4 and no IPv4 block/],
    ['10.0.0.1', ['fd00::/61', '10.0.0.0/24'], /^null$/],
  ])('a migration address %s with peers %j: %s', (address, peers, said) => {
    expect(String(whyNoPeers(address, peers))).toMatch(said);
  });

  it.each([
    ['nic: nic0', 'nic: "a b"', 'hostd.yaml:2:1: nic'],
    ['10.0.0.0/24', '10.0.0.0/33', 'hostd.yaml:7:11: migration.peers.0'],
    ['port: 9797', 'port: 70000', 'hostd.yaml:3:30: listen.port'],
    ['host: compute-1', 'hots: compute-1', 'hostd.yaml:1:1: hots'],
    ['migration:', 'migration: [', 'hostd.yaml:8:1'],
    ['nic: nic0', 'nic: nic0\nnic: nic1', 'hostd.yaml:3:1'],
    ['address: 10.0.0.1', 'address: "fe80::1%nic0"', 'hostd.yaml:3:11: listen.address'],
    ['migration:', 'vlans: { 10.0.0.1: [4095] }\nmigration:', 'hostd.yaml:6:'],
  ])('tells line and column where %s became %s', (good, bad, where) => {
    expect(() => parseConfig(GOOD.replace(good, bad), 'hostd.yaml')).toThrow(where);
  });
});

describe('parseNovaConf', () => {
  it('lets the last of several sections and values win', () => {
    const text = `[DEFAULT]
host = compute-1
max_concurrent_live_migrations=4
[libvirt]
live_migration_permit_post_copy = true
live_migration_inbound_addr = 10.0.0.1
[neutron]
host = other
[libvirt]
# live_migration_permit_post_copy = true
live_migration_permit_post_copy = False
`;
    expect(parseNovaConf(text)).toEqual({
      ...NOVA_DEFAULTS,
      host: 'compute-1',
      myIp: null,
      inboundAddress: '10.0.0.1',
      permitPostCopy: false,
      maxConcurrentLiveMigrations: 4,
    });
  });

  it("has Nova's defaults, and a later file over an earlier one", () => {
    expect(parseNovaConf('')).toEqual(NOVA_DEFAULTS);
    const first = parseNovaConf('[libvirt]\nlive_migration_permit_post_copy=yes\n');
    expect(parseNovaConf('[DEFAULT]\nmy_ip=1.2.3.4\n', first)).toMatchObject({ permitPostCopy: true, myIp: '1.2.3.4' });
  });
});

describe('parseVersions', () => {
  it('reads what virsh prints', () => {
    const text = `Compiled against library: libvirt 11.3.0
Using library: libvirt 11.3.0
Using API: QEMU 11.3.0
Running hypervisor: QEMU 10.0.2
`;
    expect(parseVersions(text)).toEqual({ libvirt: '11.3.0', qemu: '10.0.2' });
    expect(parseVersions('')).toEqual({ libvirt: 'unknown', qemu: 'unknown' });
  });
});
