import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildGuest } from '../../lab/guest/build.ts';
import { HOST_ADDRESS, type HostName, type Network } from './network.ts';
import { endNow, type Programs } from './programs.ts';
import { Qmp } from './qmp.ts';

const AGENT_PORT = 7000;
const BOOT_MS = 60_000;
/** QEMU's own limit is out of the way: tc alone holds the stream. */
const UNLIMITED_BYTES_PER_SECOND = 10_000_000_000;
/** So small that a guest which writes does not converge. */
const NEVER_CONVERGES_MS = 1;

export interface GuestOptions {
  number: number;
  memoryMebibytes: number;
  fillMebibytes: number;
}

export interface MigrationState {
  status: string;
  transferredBytes: number;
}

/** A guest on host a, and its migrations to host b; QEMU without hardware acceleration. */
export class Guest {
  readonly #network: Network;
  readonly #programs: Programs;
  readonly #dir: string;
  readonly #options: GuestOptions;
  #source: Machine | null = null;
  #destination: Machine | null = null;

  constructor(network: Network, programs: Programs, dir: string, options: GuestOptions) {
    this.#network = network;
    this.#programs = programs;
    this.#dir = dir;
    this.#options = options;
  }

  get tap(): string {
    return tapOf(this.#options.number);
  }

  async boot(): Promise<void> {
    this.#source = await this.#machine('a', []);
    const deadline = performance.now() + BOOT_MS;
    while (!(await this.#agent('stat').catch(() => '')).startsWith('rx=')) {
      if (performance.now() > deadline) throw new Error(`guest ${this.#options.number} did not boot`);
      await sleep(200);
    }
  }

  /** Rewrites the first of its memory for ever. */
  async dirty(mebibytes: number, mebibytesPerSecond: number): Promise<void> {
    const answer = await this.#agent(`dirty ${mebibytes} ${mebibytesPerSecond}`);
    if (!answer.startsWith('ok')) throw new Error(`the guest's agent: ${answer}`);
  }

  /** A pre-copy to host b; with `endless` QEMU never finds the guest converged while it writes. */
  async migrate({ endless }: { endless: boolean }): Promise<void> {
    const destination = await this.#machine('b', ['-incoming', 'defer']);
    this.#destination = destination;
    const uri = `tcp:${HOST_ADDRESS.b}:${49_152 + this.#options.number}`;
    await destination.qmp.command('migrate-incoming', { uri });
    await this.#sourceQmp.command('migrate-set-parameters', {
      'max-bandwidth': UNLIMITED_BYTES_PER_SECOND,
      'downtime-limit': endless ? NEVER_CONVERGES_MS : 300,
    });
    await this.#sourceQmp.command('migrate', { uri });
  }

  /** What migrate-setspeed does through libvirt. */
  async limit(bitsPerSecond: number): Promise<void> {
    await this.#sourceQmp.command('migrate-set-parameters', { 'max-bandwidth': Math.round(bitsPerSecond / 8) });
  }

  async migration(): Promise<MigrationState> {
    const { status, ram } = await this.#sourceQmp.command('query-migrate');
    return { status: status ?? 'none', transferredBytes: ram?.transferred ?? 0 };
  }

  /** Ends the migration that runs; the guest goes on where it is. */
  async cancel(): Promise<void> {
    await this.#sourceQmp.command('migrate_cancel');
    while (!['cancelled', 'completed', 'failed'].includes((await this.migration()).status)) await sleep(50);
    if ((await this.migration()).status === 'completed') throw new Error('the migration ended before it was cancelled');
    await this.#destination?.end();
    this.#destination = null;
  }

  async quit(): Promise<void> {
    await this.#source?.end();
    await this.#destination?.end();
  }

  get #sourceQmp(): Qmp {
    if (this.#source === null) throw new Error('the guest was not booted');
    return this.#source.qmp;
  }

  async #machine(host: HostName, more: readonly string[]): Promise<Machine> {
    const { number, memoryMebibytes, fillMebibytes } = this.#options;
    const { kernel, ramdisk } = await buildGuest();
    const socket = join(this.#dir, `guest${number}-${host}-${Date.now()}.qmp`);
    const child = this.#programs.start(this.#network.host[host], [
      'qemu-system-x86_64',
      ...['-machine', 'q35', '-accel', 'tcg,thread=single,tb-size=64', '-cpu', 'max', '-smp', '1'],
      ...['-m', String(memoryMebibytes), '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
      ...['-kernel', kernel, '-initrd', ramdisk],
      ...['-append', `quiet mitigations=off tsc=reliable no_timer_check nokaslr panic=1 fill=${fillMebibytes}`],
      ...['-netdev', `tap,id=net,ifname=${this.tap},script=no,downscript=no`],
      ...['-device', `virtio-net-pci,romfile=,netdev=net,mac=52:54:00:4f:00:${byteOf(number).toString(16)}`],
      ...['-qmp', `unix:${socket},server=on,wait=off`, ...more],
    ]);
    return new Machine(child, await Qmp.connect(socket));
  }

  #agent(line: string): Promise<string> {
    const address = `10.79.0.${byteOf(this.#options.number)}`;
    const script =
      'exec 2>/dev/null; exec 3<>"/dev/tcp/$0/$1" && echo "$2" >&3 && read -r -t 5 answer <&3 && echo "$answer"';
    return this.#programs.output(this.#network.control, [
      ...['timeout', '6', 'bash', '-c', script, address, String(AGENT_PORT), line],
    ]);
  }
}

export function tapOf(number: number): string {
  return `tap${number}`;
}

function byteOf(number: number): number {
  return 0x20 + number;
}

class Machine {
  readonly qmp: Qmp;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, qmp: Qmp) {
    this.#child = child;
    this.qmp = qmp;
  }

  async end(): Promise<void> {
    this.qmp.close();
    await endNow(this.#child);
  }
}
