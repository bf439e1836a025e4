import { readFile } from 'node:fs/promises';
import type { Config } from '../../config.ts';
import type { Link } from '../../measure/count/linkcodec.ts';
import { portName } from '../../measure/count/netlink.ts';
import { readLinkSpeed } from '../../measure/counters.ts';
import { readLink } from '../../shape/links.ts';
import type { NicFacts } from '../judge/nic.ts';

/** @param links - the host's interfaces, as netlink lists them. */
export async function probeNic(config: Config, links: readonly Link[]): Promise<NicFacts> {
  const { nic, linkMegabitsPerSecond, shapeFraction, controlMegabitsPerSecond } = config;
  const [link, carrier, knownMegabits] = await Promise.all([
    readLink(nic),
    // The kernel answers EINVAL for one that is down.
    readFile(`/sys/class/net/${nic}/carrier`, 'utf8').catch(() => '0'),
    readLinkSpeed(nic),
  ]);
  const index = links.find(({ name }) => name === portName(nic))?.master ?? 0;
  const master = links.find((each) => each.index === index && index !== 0);
  return {
    nic,
    link:
      link === null
        ? null
        : {
            up: link.up,
            carrier: carrier.trim() === '1',
            master: master === undefined ? null : { name: master.name, kind: master.kind },
          },
    knownMegabits,
    configuredMegabits: linkMegabitsPerSecond ?? null,
    shapeFraction,
    controlMegabits: controlMegabitsPerSecond,
  };
}
