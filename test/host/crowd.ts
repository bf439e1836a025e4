import { type ChildProcess, execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { domainNames, TestLibvirt } from './libvirt.ts';
import { Rig } from './rig.ts';
import { crowdAddress } from './talk.ts';

/**
 * A compute host with very many VMs: as many taps in the rig's bridge, traffic of each of them in both directions, and
 * a domain of a libvirtd for each. Set up in a second for 1,000.
 */
export class Crowd {
  readonly rig = new Rig();
  readonly taps: readonly string[];
  readonly #libvirt = new TestLibvirt();
  #talk: ChildProcess[] = [];

  constructor(taps: number) {
    this.taps = Array.from({ length: taps }, (_, index) => `tap${index.toString(16).padStart(8, '0')}`);
  }

  async start(): Promise<void> {
    await this.rig.start();
    await this.#wire();
    await this.#libvirt.start(
      join(this.rig.dir, 'libvirt'),
      this.taps.map((tap, index) => ({ ...domainNames(index), tap })),
    );
    this.rig.environment = { ...(await unitEnvironment(this.rig.dir)), PATH: this.#libvirt.path };
  }

  async stop(): Promise<void> {
    await this.#libvirt.stop();
    await this.rig.stop();
  }

  /** CPU of libvirtd is no cost of hostd's, but what hostd asks for. */
  get libvirtdPid(): number {
    return this.#libvirt.pid;
  }

  /** Settings of the daemon; all else as it is by default. */
  settings(counting: string): object {
    return { libvirtUri: this.#libvirt.uri, counting, windowMs: 5000 };
  }

  /** From now on a packet a second leaves through every tap, and one enters. */
  talk(): void {
    const script = join(import.meta.dirname, 'talk.ts');
    for (const namespace of [this.rig.peer, this.rig.guests[0]]) {
      this.#talk.push(this.rig.spawn(namespace, process.execPath, script, String(this.taps.length)));
    }
  }

  silence(): void {
    for (const child of this.#talk) child.kill();
    this.#talk = [];
  }

  /**
   * Every tap is one end of a veth pair; the other ends are ports of a bridge in the guest's namespace, so that one
   * program there sends through all of them: the bridges know by the Ethernet address which way a packet goes. No
   * interface speaks IPv6 of its own and all ports are isolated, or each packet of theirs would be flooded to all others:
   * a million copies if each of 1,000 says one word.
   */
  async #wire(): Promise<void> {
    const { host, peer, guests } = this.rig;
    for (const namespace of [host, guests[0]]) {
      await this.rig.exec(namespace, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
    }
    const { taps } = this;
    await batch('ip', host, [
      'link set dev brq0 type bridge mcast_snooping 0',
      ...taps.map((tap) => `link add name ${tap} type veth peer name ${tap} netns ${guests[0]}`),
      ...taps.flatMap((tap) => port(tap, 'brq0')),
    ]);
    await batch('ip', guests[0], [
      'link add name fan0 type bridge mcast_snooping 0',
      'link set dev fan0 up',
      'address add 10.98.0.1/16 dev fan0',
      ...taps.flatMap((tap) => port(tap, 'fan0')),
      ...taps.map((_, index) => neighbour(index, 'out', 'fan0')),
    ]);
    await batch('ip', peer, [
      'route add 10.98.0.0/16 dev eth0',
      ...taps.map((_, index) => neighbour(index, 'in', 'eth0')),
    ]);
    await batch('bridge', host, [
      ...taps.map((tap, index) => `fdb add ${mac(index, 'in')} dev ${tap} master static`),
      ...taps.map((_, index) => `fdb add ${mac(index, 'out')} dev nic0 master static`),
    ]);
    await batch(
      'bridge',
      guests[0],
      taps.map((tap, index) => `fdb add ${mac(index, 'out')} dev ${tap} master static`),
    );
  }
}

const run = promisify(execFile);

function port(name: string, bridge: string): string[] {
  return [
    `link set dev ${name} master ${bridge} addrgenmode none up`,
    `link set dev ${name} type bridge_slave isolated on learning off flood off mcast_flood off bcast_flood off`,
  ];
}

/** Ethernet addresses that stand for a VM: as it is reached, and as whom it speaks to. */
function mac(index: number, direction: 'in' | 'out'): string {
  const bytes = [0x02, direction === 'in' ? 1 : 2, 0, 0, index >> 8, index & 0xff];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function neighbour(index: number, direction: 'in' | 'out', device: string): string {
  return `neighbour add ${crowdAddress(index)} lladdr ${mac(index, direction)} dev ${device} nud permanent`;
}

async function batch(program: 'ip' | 'bridge', namespace: string, lines: readonly string[]): Promise<void> {
  const child = run(program, ['-n', namespace, '-batch', '-']);
  child.child.stdin?.end(`${lines.join('\n')}\n`);
  await child;
}

/** What the systemd unit runs hostd with, and the place of its compile cache. */
async function unitEnvironment(dir: string): Promise<Record<string, string>> {
  const file = join(import.meta.dirname, '../../hostd/systemd/drover-hostd.service');
  const lines = (await readFile(file, 'utf8')).matchAll(/^Environment="?([A-Z_]+)=([^"\n]*)"?$/gm);
  const environment = Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
  return { ...environment, NODE_COMPILE_CACHE: join(dir, 'cache') };
}
