/**
 * A real libvirtd with real QEMU guests in one of a rig's network namespaces, with directories of its own, so that it can
 * hang, end, start again and lose its socket without harm to anybody.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildGuest } from '../lab/guest/build.ts';
import type { Rig } from './rig.ts';

const run = promisify(execFile);
/** What libvirtd keeps; its view of each is a directory of this hypervisor. */
const OWN = { run: '/run/libvirt', lib: '/var/lib/libvirt', log: '/var/log/libvirt', cache: '/var/cache/libvirt' };
/** libvirt asks every emulator that it finds for what it can, about 4 s each. */
const HIDDEN_EMULATOR = '/usr/bin/qemu-system-i386';
const READY_MS = 90_000;

export interface GuestOptions {
  name: string;
  uuid: string;
  /** The last byte of its address and MAC; the guest takes the address 10.79.0.N from it. */
  lastByte: number;
  memoryMebibytes: number;
  /** Of these, what its agent fills with pages that no compression makes smaller. */
  fillMebibytes: number;
}

export class Hypervisor {
  readonly #namespace: string;
  readonly #address: string;
  #dir = '';
  #libvirtd: ChildProcess | null = null;

  /** `address`: where it takes migrations in. */
  constructor(namespace: string, address: string) {
    this.#namespace = namespace;
    this.#address = address;
  }

  get socket(): string {
    return join(this.#dir, 'run', 'libvirt-sock');
  }

  get uri(): string {
    return `qemu+unix:///system?socket=${this.socket}`;
  }

  async start(): Promise<void> {
    this.#dir = await mkdtemp(join(tmpdir(), 'drover-virt-'));
    for (const name of [...Object.keys(OWN), 'etc']) await mkdir(join(this.#dir, name));
    await run('chmod', ['755', this.#dir]);
    await cp('/etc/libvirt', join(this.#dir, 'etc'), { recursive: true, verbatimSymlinks: true });
    const uuid = `00000000-0000-4000-8000-0000000000${this.#address.split('.').at(-1)?.padStart(2, '0')}`;
    await writeFile(
      join(this.#dir, 'etc/libvirtd.conf'),
      [
        'listen_tls = 0',
        'listen_tcp = 1',
        `listen_addr = "${this.#address}"`,
        'auth_tcp = "none"',
        'auth_unix_rw = "none"',
        'unix_sock_group = "libvirt"',
        'unix_sock_rw_perms = "0770"',
        `host_uuid = "${uuid}"`,
        `log_outputs = "2:file:${join(this.#dir, 'log/libvirtd.log')}"`,
        '',
      ].join('\n'),
    );
    await writeFile(
      join(this.#dir, 'etc/qemu.conf'),
      [
        ...[
          'user = "root"',
          'group = "root"',
          'dynamic_ownership = 0',
          'remember_owner = 0',
          'security_driver = "none"',
        ],
        ...['cgroup_controllers = []', 'namespaces = []', 'stdio_handler = "file"'],
        `migration_address = "${this.#address}"`,
        `migration_host = "${this.#address}"`,
        '',
      ].join('\n'),
    );
    await this.startLibvirtd();
  }

  async startLibvirtd(): Promise<void> {
    const binds = [['etc', '/etc/libvirt'], ...Object.entries(OWN)].map(
      ([name = '', at = '']) => `mkdir -p ${at} && mount --bind ${join(this.#dir, name)} ${at}`,
    );
    const hide = `if [ -e ${HIDDEN_EMULATOR} ]; then mount --bind /dev/null ${HIDDEN_EMULATOR}; fi`;
    const script = [...binds, hide, `exec libvirtd --listen --pid-file ${OWN.run}/libvirtd.pid`].join(' && ');
    const child = spawn('ip', ['netns', 'exec', this.#namespace, 'unshare', '--mount', 'sh', '-c', script], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
    });
    this.#libvirtd = child;
    const deadline = Date.now() + READY_MS;
    while (!(await this.virsh('version').catch(() => ''))) {
      if (child.exitCode !== null) throw new Error(`libvirtd ended: ${await this.log()}`);
      if (Date.now() > deadline) throw new Error(`libvirtd does not answer: ${await this.log()}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async stopLibvirtd(): Promise<void> {
    const child = this.#libvirtd;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    // It ignores SIGTERM for over 10 s; one that crashes is the harder case anyway.
    child.kill('SIGKILL');
    await ended;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#libvirtd?.kill(signal);
  }

  async stop(): Promise<void> {
    this.signal('SIGCONT');
    await this.stopLibvirtd();
    for (const pid of await this.#guestPids()) process.kill(pid, 'SIGKILL');
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** The guests outlive their libvirtd. */
  async #guestPids(): Promise<number[]> {
    const { stdout } = await run('ip', ['netns', 'pids', this.#namespace]);
    const pids = stdout.split('\n').filter(Boolean).map(Number);
    const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
    return pids.filter((_, index) => names[index]?.includes('qemu-system'));
  }

  /** Of the QEMU of this guest, as the kernel tells it. */
  async residentBytes(name: string): Promise<number> {
    const pid = Number(await readFile(join(this.#dir, 'run/qemu', `${name}.pid`), 'utf8'));
    const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kibibytes) * 1024;
  }

  log(): Promise<string> {
    return readFile(join(this.#dir, 'log/libvirtd.log'), 'utf8').catch(() => '');
  }

  async virsh(...args: string[]): Promise<string> {
    const argv = ['netns', 'exec', this.#namespace, 'virsh', '-q', '-c', this.uri, ...args];
    return (await run('ip', argv, { timeout: 60_000 })).stdout;
  }

  /** Gives the far end of the rig's NIC a bridge for guests that arrive, and the address that guests speak to. */
  async joinBridge(): Promise<void> {
    const ip = (...args: string[]) => run('ip', ['-n', this.#namespace, ...args]);
    await ip('link', 'add', 'name', 'brq0', 'type', 'bridge');
    await ip('link', 'set', 'dev', 'brq0', 'up');
    await ip('link', 'set', 'dev', 'eth0', 'master', 'brq0');
    for (const address of [`${this.#address}/24`, '10.79.0.1/24']) await ip('address', 'add', address, 'dev', 'brq0');
    await ip('address', 'flush', 'dev', 'eth0');
  }

  async startGuest(options: GuestOptions): Promise<void> {
    const file = join(this.#dir, `${options.name}.xml`);
    await writeFile(file, await domainXml(options));
    await this.virsh('create', file);
  }

  /** As nova does it: peer to peer, and the guest is gone from here afterwards. */
  migrate(name: string, to: Hypervisor, ...more: string[]): Promise<string> {
    return this.virsh(
      ...['migrate', '--live', '--p2p', '--persistent', '--undefinesource', ...more],
      ...[name, `qemu+tcp://${to.#address}/system`, `tcp://${to.#address}`],
    );
  }
}

async function domainXml({ name, uuid, lastByte, memoryMebibytes, fillMebibytes }: GuestOptions): Promise<string> {
  const { kernel, ramdisk } = await buildGuest();
  const mac = `fa:16:3e:00:00:${lastByte.toString(16).padStart(2, '0')}`;
  return `<domain type='qemu'><name>${name}</name><uuid>${uuid}</uuid><memory unit='MiB'>${memoryMebibytes}</memory>
    <vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type><kernel>${kernel}</kernel><initrd>${ramdisk}</initrd>
    <cmdline>console=ttyS0 quiet fill=${fillMebibytes}</cmdline></os>
    <on_poweroff>destroy</on_poweroff><on_crash>destroy</on_crash>
    <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
    <interface type='bridge'><mac address='${mac}'/><source bridge='brq0'/><model type='virtio'/></interface>
    <serial type='null'/><memballoon model='none'/></devices></domain>`;
}

export const GUEST: GuestOptions = {
  name: 'one',
  uuid: '11111111-1111-4111-8111-111111111111',
  lastByte: 60,
  memoryMebibytes: 128,
  fillMebibytes: 48,
};

export function guestAddress({ lastByte }: GuestOptions): string {
  return `10.79.0.${lastByte}`;
}

/** One command to the guest's agent (test/lab/guest/agent.c), asked by the rig's other host. */
export async function askAgent(rig: Rig, guest: GuestOptions, line: string): Promise<string> {
  const script = 'exec 3<>"/dev/tcp/$0/7000" && echo "$1" >&3 && timeout 10 head -n 1 <&3';
  return (await rig.exec(rig.peer, 'timeout', '12', 'bash', '-c', script, guestAddress(guest), line)).trim();
}

export async function waitForAgent(rig: Rig, guest: GuestOptions): Promise<void> {
  for (const deadline = Date.now() + READY_MS; ; ) {
    if ((await askAgent(rig, guest, 'stat').catch(() => '')).startsWith('rx=')) return;
    if (Date.now() > deadline) throw new Error(`the agent of ${guest.name} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** Rewrites the first MiB of the guest's memory at so many MiB/s; 0 stops. */
export async function dirtyGuest(
  rig: Rig,
  guest: GuestOptions,
  mebibytes: number,
  mebibytesPerSecond: number,
): Promise<void> {
  const answer = await askAgent(rig, guest, `dirty ${mebibytes} ${mebibytesPerSecond}`);
  if (!answer.startsWith('ok')) throw new Error(`the agent of ${guest.name}: ${answer}`);
}
