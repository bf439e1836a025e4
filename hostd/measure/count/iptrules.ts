import { isIpv6 } from '../../address.ts';
import { MIGRATION_PORTS, OWN_COUNTERS, type OwnTraffic } from '../netfilter.ts';
import { shownName } from './netlink.ts';
import type { Topology } from './uplinks.ts';

/**
 * iptables' rules that count, all in the table `mangle`, which decides nothing. Bridged packets are counted in
 * POSTROUTING, that is behind every filter, by one rule per tap, uplink and direction (the way of the thesis); the host's
 * own in OUTPUT and INPUT, where a rule's `-g` leads to a chain of one rule that counts and ends the search.
 */
const PAIRS_CHAIN = 'drover-pairs';
const OWN_CHAINS = { tx: 'drover-out', rx: 'drover-in' } as const;
const HOOKS: Record<string, string> = {
  [PAIRS_CHAIN]: 'POSTROUTING -m physdev --physdev-is-bridged',
  [OWN_CHAINS.tx]: 'OUTPUT',
  [OWN_CHAINS.rx]: 'INPUT',
};

export type IpVersion = 4 | 6;

/** A rule for one direction of a tap: `from` and `to` are bridge ports, one character a byte. */
export interface PairRule {
  from: string;
  to: string;
}

export interface PairCount extends PairRule {
  packets: number;
  bytes: number;
}

/** What stands in the kernel, of hostd's own. */
export interface Standing {
  chains: Set<string>;
  /** Chains of hostd that a chain of the kernel leads to. */
  hooked: Set<string>;
  pairs: PairCount[];
  /** By the counting chain's name. */
  own: Map<string, { packets: number; bytes: number }>;
}

const PAIR = `] -A ${PAIRS_CHAIN} `;

function wordAfter(line: string, option: string): string {
  const at = line.indexOf(option);
  if (at === -1) return '';
  const from = at + option.length;
  const to = line.indexOf(' ', from);
  return line.slice(from, to === -1 ? undefined : to);
}

/** `iptables-save -c -t mangle`, read one character a byte. */
export function parseSave(text: string): Standing {
  const standing: Standing = { chains: new Set(), hooked: new Set(), pairs: [], own: new Map() };
  for (const line of text.split('\n')) {
    // Nearly all lines are these, thousands every second: they are read without a pattern.
    const pair = line.startsWith('[') ? line.indexOf(PAIR) : -1;
    if (pair !== -1) {
      const colon = line.indexOf(':');
      standing.pairs.push({
        from: wordAfter(line, ' --physdev-in '),
        to: wordAfter(line, ' --physdev-out '),
        packets: Number(line.slice(1, colon)),
        bytes: Number(line.slice(colon + 1, pair)),
      });
      continue;
    }
    if (line.startsWith(':drover-')) standing.chains.add(line.slice(1, line.indexOf(' ')));
    const rule = /^\[(\d+):(\d+)\] -A (\S+) (.*)$/.exec(line);
    if (rule === null) continue;
    const [, packets, bytes, chain = '', rest = ''] = rule;
    const words = rest.split(/\s+/);
    const after = (option: string) => words[words.indexOf(option) + 1] ?? '';
    const target = after('-j');
    const count = { packets: Number(packets), bytes: Number(bytes) };
    if (target in HOOKS && HOOKS[target]?.split(' ')[0] === chain) {
      standing.hooked.add(target);
    } else if (chain.startsWith('drover-') && target === 'RETURN') {
      standing.own.set(chain, count);
    }
  }
  return standing;
}

export function countingChain(counter: string): string {
  return `drover-${counter.replace('_', '-')}`;
}

/** Are the rules there that `restoreInput` makes, those of pairs left aside? */
export function isComplete(standing: Standing, countPairs: boolean): boolean {
  const hooks = Object.keys(HOOKS).filter((chain) => countPairs || chain !== PAIRS_CHAIN);
  return (
    hooks.every((chain) => standing.hooked.has(chain)) &&
    OWN_COUNTERS.every((each) => standing.own.has(countingChain(each)))
  );
}

/** The rules wanted: every tap that is a port of a bridge with the uplinks of that bridge, both ways. */
export function pairRules({ taps, uplinks }: Topology): PairRule[] {
  return taps.flatMap((tap) =>
    uplinks
      .filter(({ name, master }) => master !== 0 && master === tap.master && isNameable(name) && isNameable(tap.name))
      .flatMap(({ name }) => [
        { from: tap.name, to: name },
        { from: name, to: tap.name },
      ]),
  );
}

/**
 * Can iptables name exactly this interface? A final `+` stands for any names that begin so, and quotes end a name in
 * its own files.
 */
export function isNameable(name: string): boolean {
  return /^[\x21\x23-\x26\x28-\x5b\x5d-\x7e]+$/.test(name) && !name.endsWith('+') && name !== '!';
}

/**
 * What `iptables-restore --noflush` is to be told so that what stands becomes what is wanted: counters stay, but a chain
 * that is named with a colon is emptied.
 */
export function restoreInput(
  version: IpVersion,
  standing: Standing,
  topology: Topology,
  own: OwnTraffic,
  countPairs: boolean,
): string {
  const lines = ['*mangle'];
  const rules: string[] = [];
  for (const chain of OWN_COUNTERS.map(countingChain)) {
    if (standing.own.has(chain)) continue;
    lines.push(`:${chain} - [0:0]`);
    rules.push(`-A ${chain} -j RETURN`);
  }
  for (const direction of ['tx', 'rx'] as const) {
    lines.push(`:${OWN_CHAINS[direction]} - [0:0]`);
    rules.push(...ownRules(version, direction, topology, own));
  }
  if (countPairs && !standing.chains.has(PAIRS_CHAIN)) lines.push(`:${PAIRS_CHAIN} - [0:0]`);
  for (const [chain, hook] of Object.entries(HOOKS)) {
    if (standing.hooked.has(chain) || (chain === PAIRS_CHAIN && !countPairs)) continue;
    const [base, ...match] = hook.split(' ');
    rules.push(`-I ${[base, '1', ...match].join(' ')} -j ${chain}`);
  }
  if (countPairs) rules.push(...pairChanges(standing.pairs, pairRules(topology)));
  return `${[...lines, ...rules, 'COMMIT'].join('\n')}\n`;
}

/** Rules are taken away by their number, the last first: a name need not be said again. */
function pairChanges(standing: readonly PairRule[], wanted: readonly PairRule[]): string[] {
  const key = ({ from, to }: PairRule) => `${from}/${to}`;
  const want = new Set(wanted.map(key));
  const have = new Set<string>();
  const surplus: number[] = [];
  for (const [index, rule] of standing.entries()) {
    if (!want.has(key(rule)) || have.has(key(rule))) surplus.push(index + 1);
    have.add(key(rule));
  }
  return [
    ...surplus.reverse().map((number) => `-D ${PAIRS_CHAIN} ${number}`),
    ...wanted
      .filter((rule) => !have.has(key(rule)))
      .map(({ from, to }) => `-A ${PAIRS_CHAIN} -m physdev --physdev-in "${from}" --physdev-out "${to}"`),
  ];
}

function ownRules(version: IpVersion, direction: 'tx' | 'rx', topology: Topology, own: OwnTraffic): string[] {
  const option = direction === 'tx' ? '-o' : '-i';
  const names = topology.nicBridge === null ? topology.ownDevices : [topology.nicBridge];
  const devices =
    names === null ? [`! ${option} lo`] : names.filter(isNameable).map((name) => `${option} "${shownName(name)}"`);
  const [end, far] = direction === 'tx' ? ['-s', '-d'] : ['-d', '-s'];
  const list = (addresses: readonly string[]) =>
    [...new Set(addresses)].filter((each) => isIpv6(each) === (version === 6)).join(',');
  const [migration, peers, mine] = [own.migrationAddresses, own.peers, own.ownAddresses].map(list);
  const { first, last } = MIGRATION_PORTS;
  const rules: string[] = [];
  for (const device of devices) {
    const rule = (match: string, counter: string) =>
      rules.push(`-A ${OWN_CHAINS[direction]} ${device} ${match} -g ${countingChain(`${counter}_${direction}`)}`);
    if (migration && peers) {
      rule(`${end} ${migration} ${far} ${peers} -p tcp -m multiport --ports ${first}:${last}`, 'migration');
    }
    if (mine) {
      rule(`${end} ${mine} -p tcp -m multiport --ports ${own.controlPorts.join(',')}`, 'control');
      if (version === 4) rule(`${end} ${mine} -p icmp`, 'control');
    }
    // Neighbour discovery has link-local addresses and none at all.
    if (version === 6) rule('-p ipv6-icmp', 'control');
  }
  return rules;
}

/** Takes all of it away, whatever of it stands. */
export function removeInput(standing: Standing): string {
  const hooks = [...standing.hooked].map((chain) => {
    const [base, ...match] = (HOOKS[chain] ?? '').split(' ');
    return `-D ${[base, ...match].join(' ')} -j ${chain}`;
  });
  const chains = [...standing.chains];
  return `${['*mangle', ...hooks, ...chains.map((each) => `-F ${each}`), ...chains.map((each) => `-X ${each}`), 'COMMIT'].join('\n')}\n`;
}
