/**
 * Counts with hostd's own code inside a network namespace: `node counts.ts METHOD NIC OWN_ADDRESSES`. One line of taps
 * (JSON) in, one line out: what was counted since the third line, for the first two only tell where the counters stand.
 */
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { portName } from '../../hostd/measure/count/netlink.ts';
import { Counters } from '../../hostd/measure/counters.ts';
import { Growth, TapMeters } from '../../hostd/measure/rates.ts';

export interface Counts {
  epoch: string;
  method: string;
  reason: string;
  problem: string | null;
  own: { migrationTx: number; migrationRx: number; controlTx: number; controlRx: number };
  nic: { tx: number; rx: number; txPackets: number; rxPackets: number };
  taps: { name: string; tx: number; rx: number; localTrafficIncluded: boolean }[];
}

const BASELINES = 2;

async function count(
  wanted: 'auto' | 'nftables' | 'iptables' | 'tap',
  nic: string,
  addresses: string[],
): Promise<void> {
  const own = {
    migrationAddresses: addresses,
    peers: ['10.99.0.0/29', 'fd99::/64'],
    ownAddresses: addresses,
    controlPorts: [22],
  };
  const counters = new Counters({ nic: portName(nic), wanted, own }, pino({ level: 'silent' }));
  const meters = new TapMeters();
  const growth = new Map<string, Growth>();
  const totals = new Map<string, number>();
  let readings = 0;
  const add = (key: string, grown: number) => {
    // What is not certain (NaN) is no part of the sum.
    if (readings >= BASELINES) totals.set(key, (totals.get(key) ?? 0) + (grown || 0));
    return totals.get(key) ?? 0;
  };
  const follow = (key: string, value: number, epoch: string) => {
    if (!growth.has(key)) growth.set(key, new Growth());
    return add(key, growth.get(key)?.next(value, epoch) ?? 0);
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const names = JSON.parse(line) as string[];
    let answer: Counts | { error: string };
    try {
      await counters.follow(names.map(portName));
      const { epoch, own: bytes } = await counters.read(meters);
      const device = counters.nic();
      const counter = (name: string, value = 0) => follow(name, value, epoch);
      const ofNic = (name: 'txBytes' | 'rxBytes' | 'txPackets' | 'rxPackets') => follow(name, device[name], 'nic');
      const { method, reason } = counters.choice();
      answer = {
        epoch,
        method,
        reason,
        problem: counters.problem(),
        own: {
          migrationTx: counter('migration_tx', bytes?.migration_tx),
          migrationRx: counter('migration_rx', bytes?.migration_rx),
          controlTx: counter('control_tx', bytes?.control_tx),
          controlRx: counter('control_rx', bytes?.control_rx),
        },
        nic: {
          tx: ofNic('txBytes'),
          rx: ofNic('rxBytes'),
          txPackets: ofNic('txPackets'),
          rxPackets: ofNic('rxPackets'),
        },
        taps: names.map((name) => {
          const { tx, rx } = meters.grown(portName(name));
          const localTrafficIncluded = counters.includesLocalTraffic(portName(name));
          return { name, tx: add(`tx/${name}`, tx), rx: add(`rx/${name}`, rx), localTrafficIncluded };
        }),
      };
    } catch (error) {
      answer = { error: String(error) };
    }
    readings += 1;
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

if (import.meta.main) {
  const [wanted = 'auto', nic = 'nic0', addresses = ''] = process.argv.slice(2);
  await count(wanted as 'auto', nic, addresses.split(','));
}
