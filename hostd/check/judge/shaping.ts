import { type Finding, fail, ok, warn } from '../finding.ts';

/** What the classes are made of, in the order in which they are tried. */
export const FEATURES = ['ifb', 'htb', 'bfifo', 'bpf', 'u32', 'ingress', 'mirred'] as const;
export type Feature = (typeof FEATURES)[number];

/** Of each that was tried, null if it works, else what the program said. One that stands on a failed one is not tried. */
export type FeatureTrials = Partial<Record<Feature, string | null>>;

const PARTS: Record<Feature, { module: string; option: string }> = {
  ifb: { module: 'ifb', option: 'CONFIG_IFB' },
  htb: { module: 'sch_htb', option: 'CONFIG_NET_SCH_HTB' },
  bfifo: { module: 'sch_fifo', option: 'CONFIG_NET_SCH_FIFO' },
  bpf: { module: 'cls_bpf', option: 'CONFIG_NET_CLS_BPF' },
  u32: { module: 'cls_u32', option: 'CONFIG_NET_CLS_U32' },
  ingress: { module: 'sch_ingress', option: 'CONFIG_NET_SCH_INGRESS' },
  mirred: { module: 'act_mirred', option: 'CONFIG_NET_ACT_MIRRED' },
};

export function judgeFeatures(trials: FeatureTrials): Finding[] {
  return FEATURES.map((feature) => {
    const check = `kernel.${feature}`;
    const said = trials[feature];
    if (said === null) return ok(check, 'works');
    if (said === undefined) return warn(check, 'not tried: what it stands on is missing', 'Mend that first.');
    if (/ENOENT$/.test(said)) return fail(check, `not tried: ${said}`, 'Install iproute2.');
    if (/Operation not permitted|EPERM/.test(said)) {
      return fail(check, 'not tried: this needs CAP_NET_ADMIN', 'See rights.capability.');
    }
    const { module, option } = PARTS[feature];
    return fail(
      check,
      said,
      `modprobe ${module}, and name it in /etc/modules-load.d; a kernel without it needs ${option}.`,
    );
  });
}

export interface QueueingFacts {
  nic: string;
  root:
    | { state: 'own' }
    | { state: 'kernel'; shown: string }
    | { state: 'provable'; shown: string }
    | { state: 'refused'; why: string };
  /** The qdisc of what enters, if it is somebody else's. */
  foreignIngress: string | null;
}

/** What stands at the NIC, and whether it would be put back to the byte after a lease. */
export function judgeQueueing({ nic, root, foreignIngress }: QueueingFacts): Finding[] {
  return [judgeRoot(root), judgeIngress(nic, foreignIngress)];
}

function judgeRoot(root: QueueingFacts['root']): Finding {
  switch (root.state) {
    case 'own':
      return ok('nic.root', "hostd's classes: a lease is held, and what was there before is noted");
    case 'kernel':
      return ok('nic.root', `the kernel's own (${root.shown}), which comes back by itself`);
    case 'provable':
      return ok('nic.root', `${root.shown}: would be put back exactly, tried on a device of its own`);
    case 'refused':
      return fail('nic.root', root.why, 'No lease for what leaves can be given while it stands.');
  }
}

function judgeIngress(nic: string, foreign: string | null): Finding {
  if (foreign === null) return ok('nic.ingress', "free, or hostd's");
  return fail(
    'nic.ingress',
    `${nic} has a ${foreign} qdisc of somebody else: leases for what enters are refused`,
    `Find out whose it is (tc filter show dev ${nic} ingress); tc qdisc del dev ${nic} ${foreign} removes it.`,
  );
}
