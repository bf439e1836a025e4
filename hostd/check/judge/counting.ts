import type { Obstacles } from '../../measure/count/detect.ts';
import { type Finding, fail, ok, warn } from '../finding.ts';

export interface CountingFacts {
  wanted: 'auto' | 'nftables' | 'iptables' | 'tap';
  /** Why each cannot be used; null: it can. */
  obstacles: Obstacles;
  /** net.bridge.bridge-nf-call-iptables and -ip6tables; null: br_netfilter is not loaded. */
  bridgeCalls: { ipv4: string | null; ipv6: string | null };
  openvswitch: boolean;
}

/** How VM traffic can be counted. Which method a running hostd has taken, `GET /v1/host` tells. */
export function judgeCounting(facts: CountingFacts): Finding[] {
  const { wanted, obstacles, openvswitch } = facts;
  const tap = 'the counters of the taps, with what VMs of this host say to each other';
  if (wanted === 'tap') return [ok('counting.method', `${tap}: set in the configuration`)];
  if (wanted === 'iptables' || (wanted === 'auto' && obstacles.nftables !== null)) return judgeIptables(facts);
  if (obstacles.nftables !== null) {
    return [fail('counting.method', `nftables does not work: ${obstacles.nftables}`, advice(obstacles.nftables))];
  }
  if (openvswitch && wanted === 'auto') {
    return [ok('counting.method', `nftables on Linux bridges; behind Open vSwitch ${tap}`)];
  }
  return [ok('counting.method', 'nftables, in the bridge family')];
}

function judgeIptables({ wanted, obstacles, bridgeCalls }: CountingFacts): Finding[] {
  if (obstacles.iptables !== null) {
    const both = obstacles.nftables === null ? '' : `nftables does not work: ${obstacles.nftables}; `;
    return [
      fail(
        'counting.method',
        `${both}iptables does not work: ${obstacles.iptables}`,
        obstacles.nftables === null ? 'Set "counting: auto".' : advice(obstacles.nftables),
      ),
    ];
  }
  const method =
    wanted === 'iptables'
      ? ok('counting.method', 'iptables, set in the configuration; it does not see ARP')
      : warn(
          'counting.method',
          `iptables, which does not see ARP and costs more: nftables does not work: ${obstacles.nftables}`,
          advice(obstacles.nftables ?? ''),
        );
  const off = [
    ...(bridgeCalls.ipv4 === '1' ? [] : ['net.bridge.bridge-nf-call-iptables']),
    ...(bridgeCalls.ipv6 === '1' ? [] : ['net.bridge.bridge-nf-call-ip6tables']),
  ];
  if (off.length === 0) return [method, ok('counting.bridge', 'iptables sees bridged packets')];
  const missing = bridgeCalls.ipv4 === null;
  return [
    method,
    fail(
      'counting.bridge',
      missing ? 'br_netfilter is not loaded: iptables does not see bridged packets' : `${off.join(' and ')} is not 1`,
      `${missing ? 'modprobe br_netfilter; ' : ''}sysctl -w ${off.map((name) => `${name}=1`).join(' ')}, and keep it in /etc/sysctl.d.`,
    ),
  ];
}

function advice(why: string): string {
  if (/ENOENT$/.test(why)) return 'Install nftables.';
  if (/Operation not permitted/.test(why)) return 'See rights.capability.';
  return 'modprobe nf_tables_bridge; a kernel without it needs CONFIG_NF_TABLES_BRIDGE.';
}
