import { ipBatch, tcBatch } from '../../lab/namespaces.ts';
import { createNamespace, permitCubic, portRateCommands } from '../../lab/network.ts';
import { run } from '../../lab/processes.ts';

/** The NICs' rate, limited in the switch's ports, both ways. */
export const LINK_MEGABITS = 500;
export const HOSTS = ['a', 'b'] as const;
export type HostName = (typeof HOSTS)[number];

/** Addresses of the hosts (also where migrations go) and of what sends and receives beside them. */
export const HOST_ADDRESS = { a: '10.98.0.1', b: '10.98.0.2' } as const;
export const TENANT_ADDRESS = { a: '10.98.0.11', b: '10.98.0.12' } as const;
export const PEER_ADDRESS = { a: '10.98.0.21', b: '10.98.0.22' } as const;
const CONTROL_ADDRESS = '10.98.0.9';
/** The guests that migrate take theirs from the last byte of their MAC (test/lab/guest/init). */
const GUEST_GATEWAY = '10.79.0.1';

/** Network namespaces: two compute hosts with a tenant each, an outside machine for each tenant, a switch, the plugin's place. */
export class Network {
  readonly #name = `sh${process.pid}${Math.random().toString(36).slice(2, 5)}`;
  readonly switch = `${this.#name}sw`;
  readonly control = `${this.#name}c`;
  readonly host = { a: `${this.#name}a`, b: `${this.#name}b` } as const;
  readonly tenant = { a: `${this.#name}ta`, b: `${this.#name}tb` } as const;
  readonly peer = { a: `${this.#name}pa`, b: `${this.#name}pb` } as const;

  get #all(): string[] {
    const { host, tenant, peer } = this;
    return [this.switch, this.control, ...[host, tenant, peer].flatMap((each) => Object.values(each))];
  }

  async up(taps: readonly string[]): Promise<void> {
    permitCubic();
    for (const namespace of this.#all) await createNamespace(namespace);
    await ipBatch(this.switch, ['link add switch type bridge forward_delay 0 mcast_snooping 0', 'link set switch up']);
    await this.#plug('control', this.control, CONTROL_ADDRESS);
    await ipBatch(this.control, [`addr add ${GUEST_GATEWAY}/24 dev eth0`]);
    for (const each of HOSTS) {
      await this.#plug(`peer-${each}`, this.peer[each], PEER_ADDRESS[each]);
      await this.#addHost(each, taps);
    }
  }

  async down(): Promise<void> {
    for (const namespace of this.#all) await run(['ip', 'netns', 'del', namespace]);
  }

  async #plug(port: string, namespace: string, address: string): Promise<void> {
    await ipBatch(this.switch, [
      `link add ${port} type veth peer name eth0 netns ${namespace}`,
      `link set ${port} master switch up`,
    ]);
    await ipBatch(namespace, [`addr add ${address}/24 dev eth0`, 'link set eth0 up']);
  }

  /** The NIC's root qdisc stays free: what limits it is in the switch, as in the lab. */
  async #addHost(name: HostName, taps: readonly string[]): Promise<void> {
    const [port, inbound] = [`port-${name}`, `rate-${name}`];
    await ipBatch(this.switch, [
      `link add ${port} type veth peer name nic0 netns ${this.host[name]}`,
      `link set ${port} master switch up`,
      `link add ${inbound} type ifb`,
      `link set ${inbound} up`,
    ]);
    await tcBatch(this.switch, [
      ...portRateCommands(port, LINK_MEGABITS),
      ...portRateCommands(inbound, LINK_MEGABITS),
      `qdisc add dev ${port} handle ffff: ingress`,
      `filter add dev ${port} parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev ${inbound}`,
    ]);
    await ipBatch(this.host[name], [
      'link add br0 type bridge forward_delay 0 mcast_snooping 0',
      `addr add ${HOST_ADDRESS[name]}/24 dev br0`,
      'link set br0 up',
      'link set nic0 master br0 up',
      `link add tenant0 type veth peer name eth0 netns ${this.tenant[name]}`,
      'link set tenant0 master br0 up',
      ...taps.flatMap((tap) => [`tuntap add dev ${tap} mode tap`, `link set ${tap} master br0 up`]),
    ]);
    await ipBatch(this.tenant[name], [`addr add ${TENANT_ADDRESS[name]}/24 dev eth0`, 'link set eth0 up']);
  }
}
