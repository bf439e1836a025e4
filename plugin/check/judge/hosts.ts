import { type Finding, fail, ok, warn } from 'drover-hostd/check/finding';

/** What one hostd said. */
export interface HostFacts {
  name: string;
  url: string;
  error: string | null;
  /** What it calls itself, and whether post-copy may be used there. */
  info: { host: string; postCopy: { permitted: boolean; reason: string } } | null;
  /** Null where it could not be tried. */
  mayReserve: boolean | null;
  /** Our clock less its own, and how sure that is. */
  clock: { offsetMs: number; errorMs: number } | null;
}

/** Times of source and destination are put on one axis by measured offsets; from here on somebody should look. */
const SKEW_MS = 1000;

/** @param computeHosts Nova's compute services by host, null where Nova did not tell. */
export function judgeHosts(hosts: readonly HostFacts[], computeHosts: readonly string[] | null): Finding[] {
  if (hosts.length === 0) {
    return [
      warn(
        'hostd.hosts',
        'no hostd is configured: every live migration goes to Nova unchanged',
        'Install drover-hostd on the compute hosts and list them in hostd.hosts.',
      ),
    ];
  }
  return [...hosts.flatMap(judgeHost), ...(computeHosts === null ? [] : judgeNames(hosts, computeHosts))];
}

function judgeHost({ name, url, error, info, mayReserve, clock }: HostFacts): Finding[] {
  if (error !== null || info === null) {
    return [
      fail(
        'hostd.reach',
        `${name}: ${error ?? 'no answer'}`,
        `See \`systemctl status drover-hostd\` there, the URL ${url}, and that both certificates are of one CA.`,
      ),
    ];
  }
  return [
    info.host === name
      ? ok('hostd.reach', `${name}, ${url}`)
      : fail(
          'hostd.reach',
          `${url} is the hostd of ${info.host}, and configured as ${name}`,
          'Give each host its own URL in hostd.hosts; the name is the one that Nova uses.',
        ),
    ...(mayReserve === false
      ? [
          fail(
            'hostd.role',
            `${name} does not let this certificate reserve bandwidth`,
            "Give its common name the role reserve under clients: in that host's hostd.yaml, and reload hostd.",
          ),
        ]
      : []),
    info.postCopy.permitted
      ? ok('hostd.post-copy', `${name}: permitted`)
      : warn(
          'hostd.post-copy',
          `${name}: ${info.postCopy.reason}`,
          'Until then its guests are moved by pre-copy only.',
        ),
    ...(clock === null ? [] : [judgeSkew(name, clock)]),
  ];
}

function judgeSkew(name: string, { offsetMs, errorMs }: { offsetMs: number; errorMs: number }): Finding {
  const surelyMs = Math.max(0, Math.abs(offsetMs) - errorMs);
  const found = `${name}: its clock is ${Math.round(Math.abs(offsetMs))} ms ${offsetMs > 0 ? 'behind' : 'ahead'}`;
  return surelyMs <= SKEW_MS
    ? ok('hostd.clock', `${found}, ${Math.round(errorMs)} ms unsure`)
    : warn('hostd.clock', found, 'Run chrony or systemd-timesyncd on both, against the same servers.');
}

function judgeNames(hosts: readonly HostFacts[], computeHosts: readonly string[]): Finding[] {
  const names = hosts.map(({ name }) => name);
  const unknown = names.filter((name) => !computeHosts.includes(name));
  const bare = computeHosts.filter((host) => !names.includes(host));
  return [
    ...(unknown.length === 0
      ? []
      : [
          fail(
            'hostd.names',
            `Nova has no nova-compute on ${unknown.join(', ')}`,
            'Name each as `openstack compute service list` does; upper and lower case count.',
          ),
        ]),
    ...(bare.length === 0
      ? [ok('hostd.names', `every nova-compute has its hostd (${computeHosts.length})`)]
      : [
          warn(
            'hostd.names',
            `no hostd on ${bare.join(', ')}: migrations from and to there go to Nova unchanged`,
            'Install drover-hostd there and add it to hostd.hosts.',
          ),
        ]),
  ];
}
