import type { Logger } from 'pino';
import { readBootId } from './capability.ts';
import type { Config } from './config.ts';
import type { Host } from './host.ts';
import { Links } from './measure/count/links.ts';
import { portName } from './measure/count/netlink.ts';
import type { OwnTraffic } from './measure/netfilter.ts';
import { Shaper } from './shape/apply.ts';
import type { LinkLimits } from './shape/htb.ts';
import { Leases } from './shape/leases.ts';
import type { HostAddress } from './shape/way.ts';
import { applyWithWayBack } from './shape/wayback.ts';
import { vlansOnNic } from './shape/wire.ts';

/** ssh, libvirt over TCP and TLS, RabbitMQ; hostd's own port is added. */
const CONTROL_PORTS = [22, 16509, 16514, 5672];

/** The leases of a host and the classes that stand for them, as the daemon and `clean` both keep them. */
export async function createLeases(config: Config, host: Host, log: Logger): Promise<Leases> {
  const { nic, stateDir } = config;
  const bootId = await readBootId();
  const links = new Links();
  const limits = (direction: 'tx' | 'rx') => {
    const interfaces = { links: links.list(), addresses: links.addresses() };
    const onWire = (address: string): HostAddress => ({
      address,
      vlans: config.vlans[address] ?? vlansOnNic(address, portName(nic), interfaces) ?? [],
    });
    return linkLimits(direction, config, host, onWire);
  };
  const shaper = new Shaper({ nic, stateDir, bootId, limits }, log);
  return new Leases(
    {
      stateDir,
      bootId,
      linkBitsPerSecond: () => host.linkBitsPerSecond,
      shapeableBitsPerSecond: () => host.shapeableBitsPerSecond,
      apply: (desired) =>
        applyWithWayBack(
          desired,
          host.shapeableBitsPerSecond,
          (each) => shaper.apply(each),
          (reason) => log.debug({ reason }, 'What comes back of migrations is not put first'),
        ),
      intact: () => shaper.intact(),
    },
    log,
  );
}

/** What of the NIC's traffic is the host's own. */
export function ownTraffic(
  { listen, migration }: Config,
  { migrationAddress }: Pick<Host, 'migrationAddress'>,
): OwnTraffic {
  const own = new Set([migrationAddress, listen.address]);
  return {
    migrationAddresses: [migrationAddress],
    peers: migration.peers,
    ownAddresses: [...own].filter((each) => each !== '0.0.0.0' && each !== '::'),
    controlPorts: [...CONTROL_PORTS, listen.port],
  };
}

function linkLimits(
  direction: 'tx' | 'rx',
  config: Config,
  host: Host,
  onWire: (address: string) => HostAddress,
): LinkLimits {
  const { shapeFraction, controlMegabitsPerSecond } = config;
  const { ownAddresses, peers, controlPorts } = ownTraffic(config, host);
  return {
    direction,
    totalBitsPerSecond: host.linkBitsPerSecond * shapeFraction,
    controlBitsPerSecond: controlMegabitsPerSecond * 1e6,
    ownAddresses: ownAddresses.map(onWire),
    migration: onWire(host.migrationAddress),
    peers,
    controlPorts: [...controlPorts],
  };
}
