import type { types } from '@slack/bolt';
import type { HostView, MigrationRecord, PolicyStatus } from 'drover-plugin/contract';
import { actions, button, context, divider, header, section } from './blocks.ts';
import { counted, percent, rate, stackedBar } from './figures.ts';
import { listBlocks } from './list.ts';
import { code, joined, type Mrkdwn, md, mention, moment, prose } from './mrkdwn.ts';
import { policyLines } from './policy.ts';
import { byStart } from './status.ts';
import { recordLine, standingOfRecord } from './vmline.ts';

export interface HomeView {
  type: 'home';
  blocks: types.KnownBlock[];
}

export interface HomeParts {
  /** What waits and runs. */
  unfinished: readonly MigrationRecord[];
  /** The last that ended, newest first. */
  ended: readonly MigrationRecord[];
  hosts: readonly HostView[];
  policy: PolicyStatus;
}

const MOST_HOSTS = 40;

/** The app's home: what runs, what waits, how busy the hosts' NICs are, and what ended last. */
export function home({ unfinished, hosts, ended, policy }: HomeParts, nowMs: number): HomeView {
  const of = (standing: string) => unfinished.filter((record) => standingOfRecord(record) === standing);
  const [running, waiting] = [of('running'), byStart(of('waiting'))];
  const lines = (some: readonly MigrationRecord[]) => some.map((record) => recordLine(record, null, nowMs, 'full'));
  const warned = hosts.filter(({ warnings, reachable }) => !reachable || warnings.length > 0).length;
  const blocks: types.KnownBlock[] = [
    header(`${running.length > 0 ? '🚚' : '💤'} ${running.length} running · ${waiting.length} waiting`),
    ...top(),
    ...listBlocks(md`*Running*`, lines(running), 8000),
    ...listBlocks(md`*Waiting*, in the order in which they are planned`, lines(waiting), 5000),
    ...(running.length + waiting.length === 0 ? [section(md`Nothing waits or runs.`)] : []),
    divider(),
    ...listBlocks(
      md`*Hosts*${warned > 0 ? ` · ⚠️ ${counted(warned, 'host')} with warnings` : ''}   \`▓ workload ▒ migration ░ free\``,
      byTrouble(hosts).slice(0, MOST_HOSTS).map(hostLine),
      8000,
    ),
    ...(hosts.length > MOST_HOSTS ? [context(md`and ${hosts.length - MOST_HOSTS} more hosts`)] : []),
    divider(),
    ...listBlocks(
      md`*Last ${ended.length}*`,
      ended.map((record) => endedLine(record, nowMs)),
      6000,
    ),
    context(joined(policyLines(policy, nowMs), ' · ')),
    context(md`as of ${moment(nowMs, 'seconds')}`),
  ];
  return { type: 'home', blocks };
}

/** To somebody who may not look. */
export function homeRefused(why: string): HomeView {
  return { type: 'home', blocks: [section(md`⛔ ${prose(why, 1500)}`)] };
}

/** The control API does not answer. */
export function homeAway(why: string): HomeView {
  const text = md`🔌 *Drover does not answer now*: ${prose(why, 1000)}\nWhat was asked for goes on by itself and is shown again when it answers.`;
  return { type: 'home', blocks: [section(text), ...top()] };
}

function top(): types.KnownBlock[] {
  return actions('home', [
    button({ label: 'New migration', actionId: 'form.open', style: 'primary' }),
    button({ label: 'Refresh', actionId: 'home.refresh' }),
  ]);
}

function hostLine(host: HostView): Mrkdwn {
  const { nic, linkBitsPerSecond: link, leaving, arriving, warnings, reachable, reserved } = host;
  const name = code(host.host, 24);
  const notes = [
    ...(leaving.length + arriving.length > 0 ? [md`${leaving.length} leaving, ${arriving.length} arriving`] : []),
    ...(reserved?.tx || reserved?.rx ? [md`reserved`] : []),
    ...warnings.slice(0, 2).map((warning) => md`⚠️ ${prose(warning.text, 100)}`),
  ];
  if (!reachable || !nic || !link)
    return joined([md`${name} ${reachable ? 'no fresh samples' : '🔌 its hostd does not answer'}`, ...notes], ' · ');
  const way = (label: string, workload: number, migration: number, all: number) =>
    md`${label} \`${stackedBar(workload / link, migration / link)} ${percent(all / link).padStart(5)}\``;
  return joined(
    [
      md`${name} ${way('out', nic.workloadTxBitsPerSecond + nic.controlTxBitsPerSecond, nic.migrationTxBitsPerSecond, nic.txBitsPerSecond)} ${way('in', nic.workloadRxBitsPerSecond + nic.controlRxBitsPerSecond, nic.migrationRxBitsPerSecond, nic.rxBitsPerSecond)} of ${rate(link)}`,
      ...notes,
    ],
    ' · ',
  );
}

/** Those with warnings first, then the busiest. */
function byTrouble(hosts: readonly HostView[]): HostView[] {
  const use = ({ nic, linkBitsPerSecond: link }: HostView) =>
    nic && link ? Math.max(nic.txBitsPerSecond, nic.rxBitsPerSecond) / link : 0;
  const isTroubled = ({ reachable, warnings }: HostView) => Number(!reachable || warnings.length > 0);
  return hosts.toSorted((a, b) => isTroubled(b) - isTroubled(a) || use(b) - use(a) || (a.host < b.host ? -1 : 1));
}

function endedLine(record: MigrationRecord, nowMs: number): Mrkdwn {
  const { endedAtMs, asked } = record;
  const at = endedAtMs === null ? md`` : md` · ${moment(endedAtMs)}`;
  const by = asked?.requester ? md` · ${requesterOf(asked.requester)}` : md``;
  return md`${recordLine(record, null, nowMs, 'full')}${at}${by}`;
}

/** People of this Slack by their names: the bot asks as `slack:U012AB3CD`, and says who approved. A home notifies nobody. */
function requesterOf(requester: string): Mrkdwn {
  const parts = requester.slice(0, 120).split(/\bslack:([UW][A-Z0-9]{2,20})\b/);
  return joined(
    parts.map((part, index) => (index % 2 === 1 ? mention(part) : prose(part))),
    '',
  );
}
