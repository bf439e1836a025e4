import { readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { z } from 'zod';
import { migrationAddress } from '../../capability.ts';
import { type RunCommand, runCommand } from '../../command.ts';
import type { Config } from '../../config.ts';
import { describeError } from '../../errors.ts';
import type { Link } from '../../measure/count/linkcodec.ts';
import { portName } from '../../measure/count/netlink.ts';
import type { NovaOptions } from '../../novaconf.ts';
import type { NetworkFacts, Route } from '../judge/network.ts';
import { familyOf, isWithin, samplePeer } from '../peers.ts';
import { isPortTaken } from '../procfs.ts';

/** The classes of the NIC look into VLAN tags, and into no tunnel. */
const TUNNELS = ['vxlan', 'geneve', 'gretap', 'ip6gretap'];

export async function probeNetwork(
  config: Config,
  nova: NovaOptions | null,
  links: readonly Link[],
  running: number | null,
  run: RunCommand = runCommand,
): Promise<NetworkFacts> {
  const { nic, listen, migration } = config;
  const address = migrationAddress(migration.address, nova);
  const read = (file: string) => readFile(file, 'utf8').catch(() => '');
  const peers = migration.peers.filter(
    (peer) => address !== null && familyOf(peer.split('/')[0] ?? '') === familyOf(address),
  );
  const over = await pathsTo(nic, links);
  const ownAddresses = Object.values(networkInterfaces()).flatMap((each) => (each ?? []).map(({ address }) => address));
  return {
    nic,
    migrationAddress: address,
    peers: migration.peers,
    withinPeers: address !== null && isWithin(address, migration.peers),
    samePeerFamily: peers.length > 0,
    ownAddresses,
    routes: await Promise.all(peers.map((peer) => findRoute(samplePeer(peer, ownAddresses), over, run))),
    listen,
    portTaken: isPortTaken(await read('/proc/net/tcp'), await read('/proc/net/tcp6'), listen.address, listen.port),
    firstFreePort: Number((await read('/proc/sys/net/ipv4/ip_unprivileged_port_start')) || 1024),
    running,
  };
}

const RouteAnswer = z.array(z.object({ dev: z.string() })).min(1);

async function findRoute(peer: string, over: ReadonlyMap<string, Route['over']>, run: RunCommand): Promise<Route> {
  try {
    const [way] = RouteAnswer.parse(JSON.parse(await run('ip', ['-j', 'route', 'get', peer])));
    const device = way?.dev ?? '';
    return { peer, device, error: null, over: over.get(device) ?? 'other' };
  } catch (error) {
    return { peer, device: null, error: describeError(error), over: 'other' };
  }
}

/** The interfaces whose packets leave through the NIC, and whether inside a tunnel: from sysfs' `upper_` links. */
async function pathsTo(nic: string, links: readonly Link[]): Promise<Map<string, Route['over']>> {
  const kinds = new Map(links.map(({ name, kind }) => [name, kind]));
  const paths = new Map<string, Route['over']>([[nic, 'nic']]);
  // The ports of one Open vSwitch know nothing of each other in sysfs: its flows decide.
  const master = links.find(({ name }) => name === portName(nic))?.master ?? 0;
  if (links.find(({ index }) => index === master)?.kind === 'openvswitch') {
    for (const { name, kind } of links) if (kind === 'openvswitch') paths.set(name, 'nic');
  }
  for (const [device, over] of paths) {
    for (const entry of await readdir(`/sys/class/net/${device}`).catch(() => [])) {
      const upper = /^upper_(.+)$/.exec(entry)?.[1];
      if (upper === undefined || paths.has(upper)) continue;
      paths.set(upper, TUNNELS.includes(kinds.get(portName(upper)) ?? '') ? 'tunnel' : over);
    }
  }
  return paths;
}
