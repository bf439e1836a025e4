import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { CheckReport } from '../../../hostd/check/finding.ts';
import { makePki } from '../../lab/pki.ts';
import { HOSTD, Machine, PLUGIN } from '../systemd/machine.ts';

/**
 * The plugin's unit, its user and its hardening under a real systemd, on a machine that is a compute host too. Nova and
 * Keystone are not there: the plugin starts without them. Only the watchdog's time is shorter.
 */
const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../../..');
const UNIT = 'drover-plugin.service';
const ADDRESS = '127.0.0.1';
const PORT = 8775;
const name = `dp${process.pid}`;
let dir = '';
let machine: Machine;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-plugin-'));
  await run('ip', ['netns', 'add', name]);
  await run('ip', ['-n', name, 'link', 'set', 'dev', 'lo', 'up']);
  await makePki(join(dir, 'pki'), { hosts: [], clients: ['plugin'] });
  await copyFile(join(ROOT, 'policies/seed.yaml'), join(dir, 'policy.yaml'));
  await writeFile(join(dir, 'password'), 'secret\n');
  const config = {
    listen: { address: ADDRESS, port: PORT },
    nova: { url: `http://${ADDRESS}:8774` },
    keystone: { authUrl: `http://${ADDRESS}:5000/v3`, username: 'd', passwordFile: 'password', projectName: 'service' },
    policy: 'policy.yaml',
    database: '/var/lib/drover/drover.db',
    hostd: { ca: 'pki/ca.crt', cert: 'pki/plugin.crt', key: 'pki/plugin.key', hosts: [] },
  };
  await writeFile(join(dir, 'plugin.yaml'), stringify(config));
  const both = { files: [...PLUGIN.files, ...HOSTD.files], configuration: PLUGIN.configuration };
  machine = new Machine({ dir, host: name, name }, both);
  await machine.start({
    [`etc/systemd/system/${UNIT}.d/test.conf`]: '[Service]\nWatchdogSec=6\nRestartSec=200ms\n',
  });
  await machine.exec('systemd-sysusers');
  await machine.exec('systemd-tmpfiles', '--create', 'drover-hostd.conf', 'drover-plugin.conf');
  // As the README says: the plugin's files are of its own group.
  await machine.exec('sh', '-c', 'cd /etc/drover && chgrp -R drover-plugin * && chmod -R g=rX,o= *');
  await machine.exec('systemctl', 'start', UNIT);
});
afterAll(async () => {
  await machine?.stop();
  await run('ip', ['netns', 'delete', name]);
  await rm(dir, { recursive: true });
});

const mainPid = async () => Number(await machine.property(UNIT, 'MainPID'));
/** Whether something takes connections at Drover's address. */
const listens = async () => (await machine.exec('ss', '-Hltn', `sport = :${PORT}`)) !== '';
const curl = (path: string) => `fetch('http://${ADDRESS}:${PORT}${path}').then((a) => a.text()).then(console.log)`;

describe('the unit', () => {
  it('and hostd’s are what systemd reads without a word', async () => {
    for (const unit of [UNIT, 'drover-hostd.service', 'drover-hostd-clean.service', 'drover-hostd-clean.timer']) {
      const { status, stderr } = await machine.try('systemd-analyze', 'verify', unit);
      // It reads the units that these name as well, and a later libvirt's has words that this systemd does not know.
      const words = stderr.split('\n').filter((line) => line !== '' && !line.includes('/libvirtd.service:'));
      expect({ status, words }, unit).toEqual({ status: 0, words: [] });
    }
  });

  it('is exposed to little', async () => {
    // 10 is all open; systemd calls what is below 2 "OK" in green.
    const argv = ['security', '--offline=true', '--threshold=20', `/usr/lib/systemd/system/${UNIT}`];
    expect((await machine.try('systemd-analyze', ...argv)).status).toBe(0);
  });

  it('is started once Drover listens, and says how it is', async () => {
    expect(await machine.property(UNIT, 'ActiveState')).toBe('active');
    expect(await listens()).toBe(true);
    await expect.poll(() => machine.property(UNIT, 'StatusText')).toBe('ok');
  });

  it('answers clients in Nova’s words while Nova is not there', async () => {
    const { stdout } = await machine.try('/usr/bin/node', '-e', curl('/v2.1/servers'));
    expect(JSON.parse(stdout)).toMatchObject({ serviceUnavailable: { code: 503 } });
  });

  it('runs as a user of its own with no capability at all', async () => {
    const status = await machine.exec('cat', `/proc/${await mainPid()}/status`);
    const field = (key: string) => new RegExp(`^${key}:\\s*(.*?)\\s*$`, 'm').exec(status)?.[1];
    const uid = await machine.exec('id', '-u', 'drover-plugin');
    expect(Number(uid)).toBeGreaterThan(0);
    expect(field('Uid')).toBe([uid, uid, uid, uid].join('\t'));
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(Number(`0x${field(set)}`), set).toBe(0);
    expect([field('NoNewPrivs'), field('Seccomp')]).toEqual(['1', '2']);
  });

  it('may write nowhere but in its own folders', async () => {
    const inside = (script: string) =>
      mainPid().then((pid) => machine.try('nsenter', '-t', String(pid), '-m', 'sh', '-c', script));
    expect((await inside('touch /var/lib/drover/x && rm /var/lib/drover/x')).status).toBe(0);
    for (const path of ['/etc/drover/x', '/usr/x', '/var/x', '/sys/x']) {
      expect((await inside(`touch ${path}`)).stderr, path).toContain('Read-only file system');
    }
  });

  it('reads its configuration on a compute host too, and none of hostd’s secrets', async () => {
    await machine.exec('sh', '-c', 'echo x > /etc/drover/hostd.key && chgrp drover-hostd /etc/drover/hostd.key');
    await machine.exec('chmod', '0640', '/etc/drover/hostd.key');
    const as = (user: string, file: string) => machine.try('runuser', '-u', user, '--', 'cat', `/etc/drover/${file}`);
    expect((await as('drover-plugin', 'password')).stdout).toBe('secret\n');
    expect((await as('drover-plugin', 'hostd.key')).stderr).toContain('Permission denied');
    expect((await as('drover-hostd', 'hostd.key')).stdout).toBe('x\n');
    expect((await as('drover-hostd', 'password')).stderr).toContain('Permission denied');
    expect((await as('nobody', 'plugin.yaml')).stderr).toContain('Permission denied');
  });

  it('has what `drover-plugin check` asks for, but for the services that are not there', async () => {
    const check = ['/usr/bin/node', '/usr/lib/drover/plugin/main.ts', 'check', '--json'];
    const { status, stdout } = await machine.try('runuser', '-u', 'drover-plugin', '--', ...check);
    const report = CheckReport.parse(JSON.parse(stdout));
    const gaps = report.filter(({ state }) => state !== 'ok').map((finding) => `${finding.check} ${finding.state}`);
    expect(gaps).toEqual(['keystone.login fail', 'nova.api fail', 'hostd.hosts warn']);
    expect(report.find((finding) => finding.check === 'plugin')?.found).toMatch(/^runs/);
    expect(status).toBe(1);
  });

  it('prints no word of a refused call', async () => {
    const journal = await machine.exec('journalctl', '--no-pager', '--output', 'cat', '--unit', UNIT);
    expect(journal).toContain('drover stands before Nova');
    expect(journal).not.toMatch(/EPERM|EACCES|Operation not permitted|Read-only file system/);
  });

  it('is started again when Drover is killed', async () => {
    const pid = await mainPid();
    await machine.exec('kill', '-KILL', String(pid));
    await expect.poll(() => machine.property(UNIT, 'NRestarts')).toBe('1');
    await expect.poll(listens).toBe(true);
    expect(await mainPid()).not.toBe(pid);
  });

  it('is started again when Drover hangs, by the watchdog', async () => {
    await expect.poll(() => machine.property(UNIT, 'ActiveState')).toBe('active');
    const pid = await mainPid();
    await machine.exec('kill', '-STOP', String(pid));
    await expect.poll(() => machine.property(UNIT, 'NRestarts'), { timeout: 30_000, interval: 200 }).toBe('2');
    await expect.poll(listens).toBe(true);
  });

  it('ends within its time when it is stopped', async () => {
    await expect.poll(() => machine.property(UNIT, 'ActiveState')).toBe('active');
    await machine.exec('systemctl', 'stop', UNIT);
    expect(await machine.property(UNIT, 'Result')).toBe('success');
  });
});
