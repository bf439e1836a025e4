import type { Logger } from 'pino';
import { readBootId } from './capability.ts';
import type { Config } from './config.ts';
import type { Host } from './host.ts';
import type { OwnTraffic } from './measure/netfilter.ts';
import { Shaper } from './shape/apply.ts';
import type { LinkLimits } from './shape/htb.ts';
import { Leases } from './shape/leases.ts';

/** ssh, libvirt over TCP and TLS, RabbitMQ; hostd's own port is added. */
const CONTROL_PORTS = [22, 16509, 16514, 5672];

/** The leases of a host and the classes that stand for them, as the daemon and `clean` both keep them. */
export async function createLeases(config: Config, host: Host, log: Logger): Promise<Leases> {
  const { nic, stateDir } = config;
  const bootId = await readBootId();
  const limits = (direction: 'tx' | 'rx') => linkLimits(direction, config, host);
  const shaper = new Shaper({ nic, stateDir, bootId, limits }, log);
  return new Leases(
    {
      stateDir,
      bootId,
      linkBitsPerSecond: () => host.linkBitsPerSecond,
      shapeableBitsPerSecond: () => host.shapeableBitsPerSecond,
      apply: (desired) => shaper.apply(desired),
      intact: () => shaper.intact(),
    },
    log,
  );
}

/** What of the NIC's traffic is the host's own. */
export function ownTraffic({ listen, migration }: Config, host: Host): OwnTraffic {
  const own = new Set([host.migrationAddress, listen.address]);
  return {
    migrationAddresses: [host.migrationAddress],
    peers: migration.peers,
    ownAddresses: [...own].filter((each) => each !== '0.0.0.0' && each !== '::'),
    controlPorts: [...CONTROL_PORTS, listen.port],
  };
}

function linkLimits(direction: 'tx' | 'rx', config: Config, host: Host): LinkLimits {
  const { shapeFraction, controlMegabitsPerSecond } = config;
  const { ownAddresses, peers, controlPorts } = ownTraffic(config, host);
  return {
    direction,
    totalBitsPerSecond: host.linkBitsPerSecond * shapeFraction,
    controlBitsPerSecond: controlMegabitsPerSecond * 1e6,
    ownAddresses: [...ownAddresses],
    migrationAddress: host.migrationAddress,
    peers,
    controlPorts: [...controlPorts],
  };
}
