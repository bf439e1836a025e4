import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckReport } from '../../hostd/check/finding.ts';
import { HOST, lease, Rig } from './rig.ts';
import { HOSTD, Machine } from './systemd/machine.ts';

/**
 * The unit, its user, its timer and its hardening under a real systemd, with the real libvirtd. Only times are shorter:
 * the watchdog's and the timer's.
 */
const rig = new Rig();
const machine = new Machine(rig, HOSTD);
const UNIT = 'drover-hostd.service';
const TIMER = 'drover-hostd-clean.timer';
const CLEAN = 'drover-hostd-clean.service';
const NET_ADMIN = '0000000000001000';
let before = '';

const FILES = {
  'etc/systemd/system/drover-hostd.service.d/test.conf': '[Service]\nWatchdogSec=8\nRestartSec=200ms\n',
  'etc/systemd/system/drover-hostd-clean.timer.d/test.conf':
    '[Timer]\nOnActiveSec=\nOnUnitActiveSec=\nOnActiveSec=1\nOnUnitActiveSec=1\nAccuracySec=100ms\n',
  // As often as it runs here systemd would not start it.
  'etc/systemd/system/drover-hostd-clean.service.d/test.conf': '[Unit]\nStartLimitIntervalSec=0\n',
  'etc/nova/nova.conf':
    '[DEFAULT]\nhost = here\nmax_concurrent_live_migrations = 2\n[libvirt]\nlive_migration_permit_post_copy = true\n',
};

beforeAll(async () => {
  await rig.start();
  before = await rig.snapshot();
  await rig.configure({
    stateDir: '/var/lib/drover-hostd',
    novaConf: '/etc/nova/nova.conf',
    libvirtUri: 'qemu:///system',
  });
  await machine.start(FILES);
  await machine.exec('systemd-sysusers', 'drover-hostd.conf');
  await machine.exec('systemd-tmpfiles', '--create', 'drover-hostd.conf');
  await machine.exec('chown', '-R', 'root:drover-hostd', '/etc/drover');
  await machine.exec('chmod', '-R', 'g=rX,o=', '/etc/drover');
  await machine.exec('chown', 'root:nova', '/etc/nova/nova.conf');
  await machine.exec('chmod', '0640', '/etc/nova/nova.conf');
  await machine.exec('systemctl', 'start', 'libvirtd.service');
  // Comes back once the daemon has said READY=1.
  await machine.exec('systemctl', 'start', UNIT);
});
afterAll(async () => {
  await machine.stop();
  await rig.stop();
});

const mainPid = async () => Number(await machine.property(UNIT, 'MainPID'));
const rootOfNic = async () =>
  (await rig.tc('qdisc', 'show', 'dev', 'nic0')).split('\n').find((line) => line.includes(' root '));
/** Right after a start of hostd systemd still has to stop it. */
const timerEnds = () => expect.poll(() => machine.property(TIMER, 'ActiveState')).toBe('inactive');
const held = async () =>
  (await rig.call('GET', '/v1/leases')).json?.leases?.map((each: { leaseId: string }) => each.leaseId);
const journal = (unit: string) => machine.exec('journalctl', '--no-pager', '--output', 'cat', '--unit', unit);

describe('the unit', () => {
  it('is started once hostd serves, and says how it is', async () => {
    expect(await machine.property(UNIT, 'ActiveState')).toBe('active');
    expect(await machine.property(UNIT, 'Type')).toBe('notify');
    expect((await rig.call('GET', '/healthz')).status).toBe(200);
    await expect.poll(() => machine.property(UNIT, 'StatusText')).toBe('ok');
  });

  it('runs as a user of its own, in the groups of libvirt and nova, with CAP_NET_ADMIN alone', async () => {
    const status = await machine.exec('cat', `/proc/${await mainPid()}/status`);
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*?)\\s*$`, 'm').exec(status)?.[1];
    const [uid, gid, libvirt, nova] = await Promise.all([
      machine.exec('id', '-u', 'drover-hostd'),
      machine.exec('id', '-g', 'drover-hostd'),
      machine.exec('sh', '-c', 'getent group libvirt | cut -d: -f3'),
      machine.exec('sh', '-c', 'getent group nova | cut -d: -f3'),
    ]);
    expect(Number(uid)).toBeGreaterThan(0);
    expect(field('Uid')).toBe([uid, uid, uid, uid].join('\t'));
    expect(field('Groups')?.split(' ').sort()).toEqual([gid, libvirt, nova].sort());
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(field(set), set).toBe(NET_ADMIN);
    expect([field('NoNewPrivs'), field('Seccomp')]).toEqual(['1', '2']);
  });

  it('may write nowhere but in its own folders', async () => {
    const inside = (script: string) =>
      mainPid().then((pid) => machine.try('nsenter', '-t', String(pid), '-m', 'sh', '-c', script));
    expect((await inside('touch /var/lib/drover-hostd/x && rm /var/lib/drover-hostd/x')).status).toBe(0);
    for (const path of ['/etc/drover/x', '/usr/x', '/var/x', '/sys/x']) {
      expect((await inside(`touch ${path}`)).stderr, path).toContain('Read-only file system');
    }
    expect((await inside('echo 1 > /proc/sys/net/ipv4/ip_forward')).stderr).toContain('Read-only file system');
  });

  it('lets tc, ip, nft and virsh do their work', async () => {
    expect((await rig.call('PUT', '/v1/leases/a', lease(100, 40))).status).toBe(200);
    expect(await rootOfNic()).toMatch(/^qdisc htb d707: root/);
    expect(await rig.ip('link', 'show', 'type', 'ifb')).toContain('drover-ifb0');
    const { counting, libvirtVersion, qemuVersion, postCopy } = (await rig.call('GET', '/v1/host')).json;
    expect(counting.method).toBe('nftables');
    expect(libvirtVersion).toMatch(/^\d+\.\d+\.\d+$/);
    expect(qemuVersion).toMatch(/^\d+\.\d+\.\d+$/);
    // nova.conf was read: what is said of post-copy is of the kernel.
    expect(postCopy.reason).not.toContain('nova.conf');
    await rig.exec(rig.peer, 'ping', '-c', '20', '-i', '0.05', '-q', HOST);
    const rates = async () => (await rig.call('GET', '/v1/sample')).json.nic.controlRxBitsPerSecond;
    await expect.poll(rates).toBeGreaterThan(0);
    expect(await journal(UNIT)).not.toMatch(/EPERM|Operation not permitted|Read-only file system/);
  });

  it('has what `drover-hostd check` asks for', async () => {
    const check = ['/usr/lib/drover/hostd/main.ts', 'check', '--json', '--user', 'drover-hostd'];
    const { status, stdout } = await machine.try('/usr/bin/node', ...check);
    const report = CheckReport.parse(JSON.parse(stdout));
    expect(report.filter(({ state }) => state === 'fail')).toEqual([]);
    expect(status).toBe(0);
    const found = (name: string) => report.find((finding) => finding.check === name)?.found;
    expect(found('libvirt.events')).toBe("QEMU's events can be followed");
    expect(found('nova.conf')).toBe('/etc/nova/nova.conf, of host here');
    expect(found('hostd')).toMatch(/^runs as process \d+$/);
  });

  it('is reloaded without a restart', async () => {
    const pid = await mainPid();
    expect((await rig.call('GET', '/v1/host', undefined, 'plugin-b')).status).toBe(200);
    await machine.exec('sed', '-i', '/plugin-b/d', '/etc/drover/hostd.yaml');
    await machine.exec('systemctl', 'reload', UNIT);
    await expect.poll(async () => (await rig.call('GET', '/v1/host', undefined, 'plugin-b')).status).toBe(403);
    expect(await mainPid()).toBe(pid);
    expect(await machine.property(UNIT, 'ActiveState')).toBe('active');
  });

  it('is started again when hostd is killed, and the lease goes on', async () => {
    const pid = await mainPid();
    await machine.exec('kill', '-KILL', String(pid));
    await expect.poll(held).toEqual(['a']);
    expect(await mainPid()).not.toBe(pid);
    expect(await rootOfNic()).toMatch(/^qdisc htb d707: root/);
    expect(await machine.property(UNIT, 'NRestarts')).toBe('1');
    await timerEnds();
  });

  it('is started again when hostd hangs, by the watchdog', async () => {
    const pid = await mainPid();
    await machine.exec('kill', '-STOP', String(pid));
    await expect.poll(() => machine.property(UNIT, 'NRestarts'), { timeout: 20_000, interval: 200 }).toBe('2');
    expect(await journal(UNIT)).toContain('Watchdog timeout (limit 8s)');
    await expect.poll(held).toEqual(['a']);
    expect(await mainPid()).not.toBe(pid);
    await timerEnds();
  });
});

describe('a hostd that is stopped for good', () => {
  it('leaves classes to the timer, which takes them away when the lease has ended', async () => {
    expect((await rig.call('PUT', '/v1/leases/a', lease(100, 40, { fence: 1, ttlMs: 6000 }))).status).toBe(200);
    await machine.exec('systemctl', 'stop', UNIT);
    expect(await machine.property(UNIT, 'Result')).toBe('success');
    expect(await machine.property(TIMER, 'ActiveState')).toBe('active');
    // The lease has not ended: its classes stand.
    expect(await rootOfNic()).toMatch(/^qdisc htb d707: root/);
    await expect.poll(() => rig.snapshot(), { timeout: 20_000, interval: 200 }).toBe(before);
    expect(await machine.property(CLEAN, 'Result')).toBe('success');
    // The counters stay: what comes back goes on counting.
    expect(await rig.exec(rig.host, 'nft', 'list', 'tables')).toContain('table bridge drover');
  });

  it('ends the timer when it is started again', async () => {
    await machine.exec('systemctl', 'start', UNIT);
    await timerEnds();
    expect(await held()).toEqual([]);
  });

  it('leaves classes to the timer too when it cannot start any more', async () => {
    expect((await rig.call('PUT', '/v1/leases/c', lease(100, 40, { fence: 2, ttlMs: 6000 }))).status).toBe(200);
    const broken = '/etc/systemd/system/drover-hostd.service.d/broken.conf';
    await machine.exec('sh', '-c', `printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' > ${broken}`);
    await machine.exec('systemctl', 'daemon-reload');
    await machine.exec('kill', '-KILL', String(await mainPid()));
    await expect.poll(() => rig.snapshot(), { timeout: 25_000, interval: 200 }).toBe(before);
    expect(Number(await machine.property(UNIT, 'NRestarts'))).toBeGreaterThan(2);
    await machine.exec('rm', broken);
    await machine.exec('systemctl', 'daemon-reload');
    await expect.poll(held).toEqual([]);
    await timerEnds();
  });

  it('is gone after `clean --all`: no class, no device, no counter, no lease', async () => {
    expect((await rig.call('PUT', '/v1/leases/b', lease(100, 40, { fence: 3 }))).status).toBe(200);
    await machine.exec('systemctl', 'stop', UNIT);
    // One that the timer has just started may still hold the lock.
    await machine.exec('systemctl', 'stop', TIMER, CLEAN);
    await machine.exec('/usr/bin/node', '/usr/lib/drover/hostd/main.ts', 'clean', '--all');
    expect(await rig.snapshot()).toBe(before);
    expect(await rig.exec(rig.host, 'nft', 'list', 'tables')).not.toContain('drover');
    expect(await machine.property(TIMER, 'ActiveState')).toBe('inactive');
  });
});
