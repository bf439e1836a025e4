import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CheckReport, type Finding } from '../../hostd/check/finding.ts';
import { giveToService, SERVICE_UID } from '../lab/service.ts';
import { HOST, lease, Rig } from './rig.ts';

const run = promisify(execFile);
const rig = new Rig(undefined, { nicQueues: 2 });
const SCRATCH = /^drover-(c\d+|try0)$/;
let before = '';

beforeAll(async () => {
  await rig.start();
  before = await rig.snapshot();
  await mkdir(join(rig.dir, 'state'), { mode: 0o700 });
  await writeFile(
    join(rig.dir, 'nova.conf'),
    '[DEFAULT]\nhost = here\nmax_concurrent_live_migrations = 2\n[libvirt]\nlive_migration_permit_post_copy = true\n',
  );
});
afterEach(async () => {
  rig.environment = {};
  expect(await rig.snapshot()).toBe(before);
  expect((await interfaces()).filter((name) => SCRATCH.test(name))).toEqual([]);
});
afterAll(() => rig.stop());

async function interfaces(): Promise<string[]> {
  const links = JSON.parse(await rig.ip('-j', 'link', 'show')) as { ifname: string }[];
  return links.map(({ ifname }) => ifname);
}

interface Checked {
  status: number;
  report: Finding[];
  /** Of the checks of that name, which may be several. */
  of(check: string): Finding[];
}

/** `check --json` as the service, or with its arguments changed by `as`. */
async function check(changes: object = {}, as: (argv: string[]) => string[] = (argv) => argv): Promise<Checked> {
  const file = await rig.configure({ novaConf: 'nova.conf', ...changes });
  return runCheck(as(rig.service(['check', '--json', '--config', file])));
}

async function runCheck(argv: readonly string[]): Promise<Checked> {
  const { status, stdout } = await run('ip', ['netns', 'exec', rig.host, ...argv], { timeout: 120_000 }).then(
    ({ stdout }) => ({ status: 0, stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ status: code, stdout }),
  );
  const report = CheckReport.parse(JSON.parse(stdout));
  return { status, report, of: (name) => report.filter((finding) => finding.check === name) };
}

const states = (report: readonly Finding[], area: string) =>
  report.filter(({ check }) => check.startsWith(`${area}.`)).map(({ check, state }) => `${check} ${state}`);

/** A PATH with these programs alone, under their own names, or scripts of that text. */
async function pathOf(
  name: string,
  programs: readonly string[],
  scripts: Record<string, string> = {},
): Promise<string> {
  const directory = join(rig.dir, name);
  await mkdir(directory);
  for (const program of programs) await symlink(await which(program), join(directory, program));
  for (const [script, text] of Object.entries(scripts)) await writeFile(join(directory, script), text, { mode: 0o755 });
  return directory;
}

async function which(program: string): Promise<string> {
  return (await run('sh', ['-c', 'command -v "$0"', program])).stdout.trim();
}

describe('a host that has what hostd needs', () => {
  it('is found to have it, before hostd was ever started', async () => {
    const { report, of } = await check();
    for (const area of ['config', 'rights', 'programs', 'nic', 'kernel', 'counting', 'tls', 'migration']) {
      const findings = states(report, area);
      expect(findings.length, area).toBeGreaterThan(0);
      expect(
        findings.filter((finding) => !finding.endsWith(' ok')),
        area,
      ).toEqual([]);
    }
    expect(of('hostd')[0]?.found).toBe('does not run now');
    expect(of('listen')[0]?.state).toBe('ok');
    // There is no libvirt here: what is needed is missing.
    expect(of('libvirt.connection')[0]?.todo).toContain('start libvirtd');
  });

  it('is told so as an aligned list too', async () => {
    const file = await rig.configure({ novaConf: 'nova.conf' });
    const argv = ['netns', 'exec', rig.host, ...rig.service(['check', '--config', file])];
    const { stdout, code } = (await run('ip', argv).catch((error) => error)) as { stdout: string; code: number };
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok {4}kernel\.htb {10}works$/m);
    expect(stdout).toMatch(/^fail {2}libvirt\.connection .*\n {26}-> .*start libvirtd/m);
  });
});

describe('a gap', () => {
  it('in the PATH: no tc', async () => {
    rig.environment = { PATH: await pathOf('without-tc', ['ip', 'nft', 'virsh', 'iptables-save', 'ip6tables-save']) };
    const { status, of, report } = await check();
    expect(status).toBe(1);
    expect(of('programs.tc')[0]).toMatchObject({ state: 'fail', todo: expect.stringContaining('Install iproute2') });
    expect(of('kernel.htb')[0]).toMatchObject({ state: 'fail', todo: 'Install iproute2.' });
    expect(states(report, 'programs').filter((finding) => finding.endsWith(' ok'))).toHaveLength(3);
  });

  it('in the PATH: no nft, and iptables would see no bridged packet', async () => {
    rig.environment = { PATH: await pathOf('without-nft', ['tc', 'ip', 'virsh', 'iptables-save', 'ip6tables-save']) };
    await rig.exec(rig.host, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0');
    const { of } = await check();
    expect(of('counting.method')[0]).toMatchObject({ state: 'warn', todo: 'Install nftables.' });
    expect(of('counting.bridge')[0]).toMatchObject({ state: 'fail', todo: expect.stringContaining('sysctl -w') });
    await rig.exec(
      rig.host,
      'sysctl',
      '-qw',
      'net.bridge.bridge-nf-call-iptables=1',
      'net.bridge.bridge-nf-call-ip6tables=1',
    );
    expect((await check()).of('counting.bridge')[0]?.state).toBe('ok');
  });

  it('in the rights: no CAP_NET_ADMIN', async () => {
    const { of } = await check({}, (argv) => argv.map((word) => word.replace('=-all,+net_admin', '=-all')));
    expect(of('rights.capability')[0]?.state).toBe('fail');
    expect(of('kernel.ifb')[0]).toMatchObject({ state: 'fail', todo: 'See rights.capability.' });
    expect(of('counting.method')[0]).toMatchObject({ state: 'fail', todo: 'See rights.capability.' });
  });

  it.each([
    ['htb', 'qdisc add * htb *', 'sch_htb'],
    ['bpf', '* bpf *', 'cls_bpf'],
    ['mirred', '* mirred *', 'act_mirred'],
  ])('in the kernel: no %s', async (feature, pattern, module) => {
    // The kernel of the test has all of them, so tc answers as it does where one is missing.
    const script = `#!/bin/sh\ncase "$*" in ${pattern.replaceAll(' ', '\\ ')}) echo 'Error: Specified qdisc kind is unknown.' >&2; exit 2;; esac\nexec ${await which('tc')} "$@"\n`;
    const programs = ['ip', 'nft', 'virsh', 'sh'];
    rig.environment = { PATH: await pathOf(`without-${feature}`, programs, { tc: script }) };
    const { of, status } = await check();
    expect(status).toBe(1);
    expect(of(`kernel.${feature}`)[0]).toMatchObject({
      state: 'fail',
      found: expect.stringContaining('kind is unknown'),
      todo: expect.stringContaining(`modprobe ${module}`),
    });
    expect(of('kernel.ingress')[0]?.state).toBe('ok');
  });

  it('in the files: nova.conf of root alone, a state directory of somebody else', async () => {
    const file = await rig.configure({ novaConf: 'nova.conf' });
    const [nova, state] = [join(rig.dir, 'nova.conf'), join(rig.dir, 'state')];
    await run('chown', ['root:root', nova, state]);
    await chmod(nova, 0o600);
    const { of } = await runCheck(rig.service(['check', '--json', '--config', file]));
    expect(of('nova.conf')[0]).toMatchObject({ state: 'fail', found: expect.stringContaining('EACCES') });
    expect(of('nova.conf')[0]?.todo).toContain('usermod -aG nova drover-hostd');
    expect(of('rights.state')[0]).toMatchObject({ state: 'fail', found: expect.stringContaining('EACCES') });
    giveToService(rig.dir);
    expect((await check()).of('rights.state')[0]?.state).toBe('ok');
  });

  it("in libvirt's group: its socket is of root alone", async () => {
    const socket = join(rig.dir, 'libvirt-sock');
    const server = createServer().listen(socket);
    await once(server, 'listening');
    const libvirtUri = `qemu+unix:///system?socket=${socket}`;
    const file = await rig.configure({ novaConf: 'nova.conf', libvirtUri });
    await run('chown', ['root:root', socket]);
    await chmod(socket, 0o660);
    const { of } = await runCheck(rig.service(['check', '--json', '--config', file]));
    server.close();
    expect(of('libvirt.connection')).toMatchObject([
      { state: 'fail', todo: expect.stringContaining(`${socket}: usermod -aG libvirt`) },
    ]);
  });

  it('in libvirt itself: a driver without jobs and events of QEMU', async () => {
    const { of } = await check({ libvirtUri: 'test:///default' });
    expect(of('libvirt.connection')[0]).toMatchObject({
      state: 'ok',
      found: expect.stringMatching(/libvirt \d+\.\d+\.\d+/),
    });
    expect(of('libvirt.events')[0]).toMatchObject({ state: 'fail', found: expect.stringContaining('not supported') });
    expect(of('libvirt.jobs')[0]).toMatchObject({ state: 'fail', found: expect.stringContaining('not supported') });
  });

  it.each([
    ['has expired', -1, 'fail', /^expired on /],
    ['will soon', 10, 'warn', /^expires in 9 days/],
  ])('in the certificates: one that %s', async (_, days, state, found) => {
    const pki = (file: string) => join(rig.dir, 'pki', file);
    const cert = pki(`${days}.crt`);
    const request = pki(`${days}.csr`);
    const subject = ['-subj', '/CN=here', '-addext', `subjectAltName=IP:${HOST}`];
    await run('openssl', ['req', '-new', '-key', pki('here.key'), ...subject, '-out', request]);
    const issuer = ['-CA', pki('ca.crt'), '-CAkey', pki('ca.key'), '-copy_extensions', 'copy'];
    await run('openssl', ['x509', '-req', '-in', request, ...issuer, '-days', String(days), '-out', cert]);
    const { of } = await check({ tls: { cert, key: 'pki/here.key', ca: 'pki/ca.crt' } });
    expect(of('tls.cert')[0]).toMatchObject({ state, found: expect.stringMatching(found) });
    expect(of('tls.name')[0]?.state).toBe('ok');
    expect(of('tls.issuer')).toEqual([]);
  });

  it('in the certificates: the key of another, and a certificate for clients', async () => {
    const { of } = await check({ tls: { cert: 'pki/plugin.crt', key: 'pki/here.key', ca: 'pki/plugin-b.crt' } });
    expect(of('tls.key')[0]?.found).toMatch(/is not the key of/);
    expect(of('tls.use')[0]?.state).toBe('fail');
    expect(of('tls.name')[0]?.found).toMatch(/no subjectAltName/);
    expect(of('tls.issuer')[0]?.state).toBe('warn');
  });

  it('in the network: addresses of other hosts, and peers behind another interface', async () => {
    await rig.ip('link', 'add', 'name', 'other0', 'type', 'bridge');
    await rig.ip('address', 'add', '10.77.0.1/24', 'dev', 'other0');
    await rig.ip('link', 'set', 'dev', 'other0', 'up');
    const elsewhere = await check({ migration: { address: '10.77.0.1', peers: ['10.77.0.0/24', '10.99.0.0/29'] } });
    await rig.ip('link', 'del', 'dev', 'other0');
    expect(elsewhere.of('migration.route').map(({ state }) => state)).toEqual(['fail', 'ok']);
    expect(elsewhere.of('migration.route')[0]?.found).toContain('through other0, not through nic0');
    const wrong = await check({
      migration: { address: '10.1.2.3', peers: ['10.1.2.0/24'] },
      listen: { address: '10.1.2.3', port: 9797 },
    });
    expect(wrong.of('migration.address')[0]?.found).toContain('10.1.2.3 is on no interface of this host that is up');
    expect(wrong.of('listen')[0]?.state).toBe('fail');
    // Where nova.conf tells the address, the configuration alone cannot know that its blocks are of another IP version.
    await appendFile(join(rig.dir, 'nova.conf'), `live_migration_inbound_addr = ${HOST}\n`);
    const mixed = await check({ migration: { peers: ['fd00::/64'] } });
    expect(mixed.of('migration.address')[0]?.found).toContain('different IP versions');
  });

  it('in the NIC: none, down, of unknown speed', async () => {
    expect((await check({ nic: 'nic9' })).of('nic.exists')[0]?.state).toBe('fail');
    await rig.ip('link', 'set', 'dev', 'nic0', 'down');
    expect((await check()).of('nic.up')[0]).toMatchObject({ state: 'fail', todo: 'ip link set dev nic0 up' });
    await rig.ip('link', 'set', 'dev', 'nic0', 'up');
    // A bridge does not tell a speed while no port of it does.
    await rig.ip('link', 'add', 'name', 'br-empty', 'type', 'bridge');
    const { of } = await check({ nic: 'br-empty', linkMegabitsPerSecond: undefined });
    await rig.ip('link', 'del', 'dev', 'br-empty');
    expect(of('nic.speed')[0]).toMatchObject({ state: 'fail', todo: 'Set linkMegabitsPerSecond to it.' });
  });

  it('in the configuration: told with line and column, and the rest that needs none is checked still', async () => {
    const { report, status } = await check({ linkMegabitsPerSecond: 0 });
    expect(status).toBe(1);
    expect(report[0]).toMatchObject({ check: 'config.file', state: 'fail' });
    expect(report[0]?.found).toMatch(/hostd\.yaml:\d+:\d+: linkMegabitsPerSecond/);
    expect(states(report, 'programs')).toHaveLength(4);
  });

  it("at the port: somebody else's listener", async () => {
    const script = `require('net').createServer().listen(9797,'${HOST}',()=>console.log('listens'))`;
    const other = rig.spawn(rig.host, process.execPath, '-e', script);
    await once(other.stdout as NodeJS.ReadableStream, 'data');
    const { of } = await check();
    other.kill();
    await once(other, 'exit');
    expect(of('listen')[0]).toMatchObject({ state: 'fail', todo: expect.stringContaining('ss -ltnp') });
  });
});

describe('what stands at the NIC', () => {
  const undo = () => rig.tc('qdisc', 'del', 'dev', 'nic0', 'root');

  it('of somebody else is tried on a device of its own, and left as it is', async () => {
    await rig.tc('qdisc', 'add', 'dev', 'nic0', 'root', 'handle', '7:', 'bfifo', 'limit', '777777');
    const stands = await rig.snapshot();
    const { of } = await check();
    expect(await rig.snapshot()).toBe(stands);
    await undo();
    expect(of('nic.root')[0]).toMatchObject({
      state: 'ok',
      found: expect.stringContaining('bfifo: would be put back'),
    });
  });

  it('of somebody else that could not be put back is a failure that names it', async () => {
    await rig.tc('qdisc', 'add', 'dev', 'nic0', 'root', 'handle', '1:', 'htb', 'default', '10');
    await rig.tc('class', 'add', 'dev', 'nic0', 'parent', '1:', 'classid', '1:10', 'htb', 'rate', '50mbit');
    await rig.tc('qdisc', 'add', 'dev', 'nic0', 'clsact');
    const stands = await rig.snapshot();
    const { of, status } = await check();
    expect(await rig.snapshot()).toBe(stands);
    await undo();
    await rig.tc('qdisc', 'del', 'dev', 'nic0', 'clsact');
    expect(status).toBe(1);
    expect(of('nic.root')[0]).toMatchObject({ state: 'fail', found: expect.stringContaining('class htb 1:10') });
    expect(of('nic.ingress')[0]).toMatchObject({ state: 'fail', found: expect.stringContaining('clsact') });
  });
});

describe('a check that is killed', () => {
  it('leaves at most a device of its own, which the next one takes away', async () => {
    const file = await rig.configure({ novaConf: 'nova.conf' });
    const child = spawn('ip', ['netns', 'exec', rig.host, ...rig.service(['check', '--config', file])], {
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    // It stands some 100 ms: looked at without starting a program.
    let left: string[] = [];
    while (left.length === 0 && child.exitCode === null) left = await scratchOf(child.pid);
    child.kill('SIGKILL');
    await ended;
    expect(left).toHaveLength(1);
    expect((await interfaces()).filter((name) => SCRATCH.test(name))).toEqual(left);
    await check();
    expect((await interfaces()).filter((name) => SCRATCH.test(name))).toEqual([]);
  });

  /** Of the process' network namespace. */
  async function scratchOf(pid: number | undefined): Promise<string[]> {
    const text = await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => '');
    return text.split('\n').flatMap((line) => {
      const name = line.split(':')[0]?.trim() ?? '';
      return SCRATCH.test(name) ? [name] : [];
    });
  }
});

describe('beside a running hostd', () => {
  it('nothing is disturbed, and its lease, its lock and its port are known as its own', async () => {
    await rig.startDaemon({ novaConf: 'nova.conf' });
    expect((await rig.call('PUT', '/v1/leases/a', lease(100, 40))).status).toBe(200);
    const stands = await rig.snapshot();
    const log = rig.log;
    const checks = await Promise.all([check(), check()]);
    expect(await rig.snapshot()).toBe(stands);
    expect(rig.log).toBe(log);
    for (const { of } of checks) {
      expect(of('nic.root')[0]?.found).toContain("hostd's classes");
      expect(of('nic.ingress')[0]?.state).toBe('ok');
      expect(of('hostd')[0]?.found).toBe(`runs as process ${rig.daemon?.pid}`);
      expect(of('listen')[0]?.found).toContain("hostd's own");
      expect(of('kernel.mirred')[0]?.state).toBe('ok');
    }
    expect((await rig.call('GET', '/v1/leases')).json.leases).toHaveLength(1);
    expect((await rig.call('DELETE', '/v1/leases/a?fence=1')).status).toBe(204);
    await rig.killDaemon('SIGTERM');
  });
});

describe('root', () => {
  const argv = (...args: string[]) => {
    const whole = rig.service(args);
    const from = whole.indexOf('setpriv');
    return [...whole.slice(0, from), ...whole.slice(whole.indexOf('/usr/bin/env'))];
  };

  it('is told that these lines say little, and sees more with --user', async () => {
    const file = await rig.configure({ novaConf: 'nova.conf' });
    const nova = join(rig.dir, 'nova.conf');
    await run('chown', ['root:root', nova]);
    await chmod(nova, 0o600);
    const asRoot = await runCheck(argv('check', '--json', '--config', file));
    expect(asRoot.of('rights.user')[0]).toMatchObject({ state: 'warn', todo: expect.stringContaining('--user') });
    expect(asRoot.of('nova.conf')[0]?.state).toBe('ok');
    const user = (await run('id', ['-nu', String(SERVICE_UID)])).stdout.trim();
    const asUser = await runCheck(argv('check', '--json', '--user', user, '--config', file));
    expect(asUser.of('rights.user')[0]).toMatchObject({ state: 'ok', found: user });
    expect(asUser.of('rights.capability')[0]?.state).toBe('ok');
    expect(asUser.of('kernel.ifb')[0]?.state).toBe('ok');
    expect(asUser.of('nova.conf')[0]?.state).toBe('fail');
    expect(asUser.status).toBe(1);
  });

  it('is told of a user that does not exist', async () => {
    const file = await rig.configure();
    const whole = argv('check', '--user', 'nobody-of-that-name', '--config', file);
    await expect(run('ip', ['netns', 'exec', rig.host, ...whole])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nobody-of-that-name'),
    });
  });
});
