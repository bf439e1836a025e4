import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../hostd/command.ts';
import { VirshShell } from '../../hostd/libvirt/shell.ts';
import { Virsh } from '../../hostd/libvirt/virsh.ts';
import { domainNames, TestLibvirt } from './libvirt.ts';

// A real libvirtd, with libvirt's test driver behind it.
const DOMAINS = Array.from({ length: 300 }, (_, index) => ({ ...domainNames(index), tap: `tap${index}` }));
const FIRST = domainNames(0);
let dir: string;
let libvirt: TestLibvirt;
let virsh: Virsh;
let processes: string[][];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drover-shell-'));
  libvirt = new TestLibvirt();
  await libvirt.start(dir, DOMAINS);
  processes = [];
  const run: typeof runCommand = (file, args, options) => {
    processes.push([...args]);
    return runCommand(file, args, options);
  };
  virsh = new Virsh(libvirt.uri, run, new VirshShell(libvirt.uri));
});
afterEach(async () => {
  virsh.stop();
  await libvirt.stop();
  await rm(dir, { recursive: true, force: true });
});

const commands = [
  ['dumpxml', FIRST.uuid],
  ['dumpxml', domainNames(999).uuid],
  ['nosuchcommand'],
  ['list', '--uuid', '--name'],
  ['domstate', FIRST.uuid],
];

describe('A virsh that stays', () => {
  it('says what a virsh for each batch says, and starts no other', async () => {
    const apart = new Virsh(libvirt.uri);
    const known = commands.filter(([name]) => name !== 'nosuchcommand');
    const said = await virsh.batch(known);
    expect(said).toEqual(await apart.batch(known));
    expect(said[0]).toContain(FIRST.name);
    expect(said[1]).toBe('');
    expect(said[2]?.trim().split('\n')).toHaveLength(300);
    for (let turn = 0; turn < 20; turn += 1) expect(await virsh.batch(known)).toEqual(said);
    const documents = await virsh.batch(DOMAINS.map(({ uuid }) => ['dumpxml', uuid]));
    for (const [index, { name }] of DOMAINS.entries()) expect(documents[index]).toContain(`<name>${name}</name>`);
    expect(processes).toEqual([]);
  });

  it('goes on after a command that virsh does not know', async () => {
    const said = await virsh.batch(commands);
    expect(said[2]).toBe('');
    expect(said[4]?.trim()).toBe('running');
  });

  it('that has something to do lets others start their own', async () => {
    const slow = virsh.batch([['event', '--event', 'lifecycle', '--timeout', '2']]);
    expect((await virsh.batch([['domstate', FIRST.uuid]]))[0]?.trim()).toBe('running');
    expect(processes).toHaveLength(1);
    await slow;
  });

  it('whose libvirtd is gone says so, and answers again once it is back', async () => {
    await virsh.batch([['domstate', FIRST.uuid]]);
    await libvirt.stop();
    await expect(virsh.batch([['list']])).rejects.toMatchObject({ code: 'command-failed' });
    await rm(join(dir, 'libvirt-sock'), { force: true });
    libvirt = new TestLibvirt();
    await libvirt.start(dir, DOMAINS.slice(0, 3));
    processes = [];
    expect((await virsh.batch([['domstate', FIRST.uuid]]))[0]?.trim()).toBe('running');
    expect((await virsh.batch([['domstate', FIRST.uuid]]))[0]?.trim()).toBe('running');
    expect(processes).toEqual([]);
  });

  it('whose libvirtd restarts while nobody asks answers', async () => {
    await virsh.batch([['domstate', FIRST.uuid]]);
    await libvirt.stop();
    await rm(join(dir, 'libvirt-sock'), { force: true });
    libvirt = new TestLibvirt();
    await libvirt.start(dir, DOMAINS.slice(0, 3));
    expect((await virsh.batch([['domstate', FIRST.uuid]]))[0]?.trim()).toBe('running');
  });

  it('whose libvirtd hangs gives up in 10 s, and another one answers once it goes on', {
    timeout: 60_000,
  }, async () => {
    await virsh.batch([['domstate', FIRST.uuid]]);
    process.kill(libvirt.pid, 'SIGSTOP');
    try {
      expect(await virsh.batch([['domstate', FIRST.uuid]])).toEqual([null]);
      expect(processes).toEqual([]);
    } finally {
      process.kill(libvirt.pid, 'SIGCONT');
    }
    expect((await virsh.batch([['domstate', FIRST.uuid]]))[0]?.trim()).toBe('running');
  });
});
