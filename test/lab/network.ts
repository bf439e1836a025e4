/**
 * The lab's network: one switch (a bridge in the control namespace). Control plane and peer hang on it unlimited, every
 * host behind one port whose rate is limited in both directions, on the switch's side: the root qdisc of the host's own
 * NIC stays free.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { NIC, tenantBridge } from './config/neutron.ts';
import { ipBatch, tcBatch } from './namespaces.ts';
import {
  CONTROL_ADDRESS,
  CONTROL_TENANT_ADDRESS,
  controlNamespace,
  type HostPlan,
  type LabOptions,
  PEER_ADDRESS,
  PEER_HOST_ADDRESS,
  peerNamespace,
  planHosts,
} from './plan.ts';
import { must, run } from './processes.ts';

const SWITCH = 'switch';
/** Depth of a port's queue, ms: a short one, as in a real switch. */
const PORT_QUEUE_MS = 20;
const BRIDGE_OPTIONS = 'type bridge forward_delay 0 stp_state 0 mcast_snooping 0';

/** tc commands that limit `device` to a rate. Pure. */
export function portRateCommands(device: string, megabitsPerSecond: number): string[] {
  const queueBytes = Math.max(131_072, (megabitsPerSecond * 1e6 * PORT_QUEUE_MS) / 8000);
  const rate = `rate ${megabitsPerSecond}mbit ceil ${megabitsPerSecond}mbit burst 64k cburst 64k quantum 60000`;
  return [
    `qdisc add dev ${device} root handle 1: htb default 10 r2q 100`,
    `class add dev ${device} parent 1: classid 1:10 htb ${rate}`,
    `qdisc add dev ${device} parent 1:10 handle 10: bfifo limit ${queueBytes}`,
  ];
}

export async function createNetwork(options: LabOptions): Promise<void> {
  const control = controlNamespace(options.name);
  const peer = peerNamespace(options.name);
  const hosts = planHosts(options);
  permitCubic();
  await Promise.all([control, peer, ...hosts.map((host) => host.namespace)].map(createNamespace));
  await ipBatch(control, [
    `link add ${SWITCH} ${BRIDGE_OPTIONS}`,
    `link set ${SWITCH} address 02:00:00:00:00:01 up`,
    `addr add ${CONTROL_ADDRESS}/24 dev ${SWITCH}`,
    `addr add ${CONTROL_TENANT_ADDRESS}/24 dev ${SWITCH}`,
    `link add port-peer type veth peer name eth0 netns ${peer}`,
    `link set port-peer master ${SWITCH} up`,
  ]);
  await ipBatch(peer, [
    'link set eth0 address 02:00:00:00:02:01',
    `addr add ${PEER_ADDRESS}/24 dev eth0`,
    `addr add ${PEER_HOST_ADDRESS}/24 dev eth0`,
    'link set eth0 up',
  ]);
  for (const host of hosts) await connectHost(control, host, options.linkMegabitsPerSecond);
}

export async function createNamespace(namespace: string): Promise<void> {
  await must(['ip', 'netns', 'add', namespace]);
  await ipBatch(namespace, ['link set lo up']);
  // cubic: what data centres run; the machine's own default may be another.
  const settings = [
    'net.ipv4.tcp_congestion_control=cubic',
    'net.ipv6.conf.all.disable_ipv6=1',
    'net.ipv6.conf.default.disable_ipv6=1',
  ];
  await must(['nsenter', `--net=/run/netns/${namespace}`, 'sysctl', '-qw', ...settings]);
}

/** A namespace may only choose a congestion control that the machine permits to all. This permits, it sets nothing. */
export function permitCubic(): void {
  const file = '/proc/sys/net/ipv4/tcp_allowed_congestion_control';
  const allowed = readFileSync(file, 'utf8').trim().split(' ');
  if (!allowed.includes('cubic')) writeFileSync(file, [...allowed, 'cubic'].join(' '));
}

async function connectHost(control: string, host: HostPlan, rate: number): Promise<void> {
  const port = `port-${host.index}`;
  const inbound = `rate-${host.index}`; // what comes from the host is limited on an IFB
  await ipBatch(control, [
    `link add ${port} type veth peer name ${NIC} netns ${host.namespace}`,
    `link set ${port} master ${SWITCH} up`,
    `link add ${inbound} type ifb`,
    `link set ${inbound} up`,
  ]);
  await tcBatch(control, [
    ...portRateCommands(port, rate),
    ...portRateCommands(inbound, rate),
    `qdisc add dev ${port} handle ffff: ingress`,
    `filter add dev ${port} parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev ${inbound}`,
  ]);
  await ipBatch(host.namespace, [
    `link set ${NIC} address ${host.mac}`,
    `addr add ${host.address}/24 dev ${NIC}`,
    `link set ${NIC} up`,
  ]);
}

/**
 * Wires the tenants' bridge as the Linux bridge agent would at the first guest (the NIC goes into the bridge, the
 * host's address moves to it). Else the first guest that arrives on a host is unreachable for 1-4 s: the agent wires
 * the uplink after QEMU's announcements.
 */
export async function wireTenantBridge(host: HostPlan, networkId: string): Promise<void> {
  const bridge = tenantBridge(networkId);
  const { code } = await run(['ip', '-n', host.namespace, 'link', 'show', bridge]);
  if (code === 0) return;
  await ipBatch(host.namespace, [
    `link add ${bridge} ${BRIDGE_OPTIONS}`,
    `link set ${bridge} address ${host.mac} up`,
    `link set ${NIC} master ${bridge}`,
    `addr add ${host.address}/24 dev ${bridge}`,
    `addr del ${host.address}/24 dev ${NIC}`,
  ]);
}
