import { readFile } from 'node:fs/promises';
import { type RunCommand, runCommand } from '../../command.ts';
import type { Config } from '../../config.ts';
import { describeError } from '../../errors.ts';
import { IptablesCounters } from '../../measure/count/iptables.ts';
import type { Link } from '../../measure/count/linkcodec.ts';
import { portName } from '../../measure/count/netlink.ts';
import { NftCounters } from '../../measure/count/nftables.ts';
import { findTopology } from '../../measure/count/uplinks.ts';
import type { OwnTraffic } from '../../measure/netfilter.ts';
import type { CountingFacts } from '../judge/counting.ts';

/** Both methods are asked whether they would take hostd's own rules; none is made. */
export async function probeCounting(
  { nic, counting }: Config,
  own: OwnTraffic,
  links: readonly Link[],
  run: RunCommand = runCommand,
): Promise<CountingFacts> {
  const topology = findTopology(links, portName(nic), []);
  const nft = new NftCounters(own, true, run);
  const works = (trial: Promise<unknown>) => trial.then(() => null, describeError);
  const nftables = await works(nft.check(topology));
  nft.close();
  const bridgeCall = (name: string) =>
    readFile(`/proc/sys/net/bridge/${name}`, 'utf8').then(
      (text) => text.trim(),
      () => null,
    );
  return {
    wanted: counting,
    obstacles: { nftables, iptables: await works(new IptablesCounters(own, true, run).check()) },
    bridgeCalls: {
      ipv4: await bridgeCall('bridge-nf-call-iptables'),
      ipv6: await bridgeCall('bridge-nf-call-ip6tables'),
    },
    openvswitch: topology.openvswitch,
  };
}
