import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Counting } from './counting.ts';
import type { Counts } from './counts.ts';
import { GUESTS, HOST, PEER, Rig } from './rig.ts';

/**
 * The thesis' check: what the VMs send and receive through the NIC and what the host does itself is what the NIC counts,
 * to the packet. Nobody but the test may talk: neighbours are static (iptables sees no ARP) and IPv6 is off (no neighbour
 * discovery); a few packets before tell the bridge where everybody is, for it floods what it does not know to all ports.
 */
const rig = new Rig();
const CHECK = `
  table inet check {
    counter out { }
    counter in { }
    chain output { type filter hook output priority 500; oifname "brq0" counter name out; }
    chain input { type filter hook input priority 500; iifname "brq0" counter name in; }
  }`;

beforeAll(async () => {
  await rig.start();
  const ends = [
    { namespace: rig.host, device: 'brq0', address: HOST },
    { namespace: rig.peer, device: 'eth0', address: PEER },
    { namespace: rig.guests[0], device: 'eth0', address: GUESTS[0] },
    { namespace: rig.guests[1], device: 'eth0', address: GUESTS[1] },
  ];
  for (const { namespace } of ends) {
    await rig.exec(namespace, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
  }
  for (const { namespace, device, address } of ends) {
    const mac = (await rig.exec(namespace, 'cat', `/sys/class/net/${device}/address`)).trim();
    for (const other of ends.filter((end) => end.namespace !== namespace)) {
      await rig.exec(other.namespace, 'ip', 'neighbour', 'replace', address, 'lladdr', mac, 'dev', other.device);
    }
  }
  await rig.exec(rig.host, 'nft', CHECK);
});
afterAll(() => rig.stop());

/** Sends `count` pings as fast as they are answered and returns how many were. */
async function flood(namespace: string, to: string, count: number, bytes = 56): Promise<number> {
  const said = await rig.exec(namespace, 'ping', '-q', '-f', '-c', String(count), '-s', String(bytes), to);
  return Number(/(\d+) received/.exec(said)?.[1]);
}

async function pour(from: string, ...options: string[]): Promise<void> {
  await rig.exec(from, 'iperf3', '-c', PEER, '-u', '-l', '1000', '-b', '160M', '-k', '15000', ...options);
}

/** Packets by nft's or iptables' own word: of all pairs that begin or end at the NIC, and of the host itself. */
async function packets(method: string) {
  const pairs = { tx: 0, rx: 0 };
  const pattern =
    method === 'nftables'
      ? /"([^"]+)" \. "([^"]+)" counter packets (\d+)/g
      : /\[(\d+):\d+\] -A drover-pairs .*--physdev-in (\S+) --physdev-out (\S+)/g;
  const text =
    method === 'nftables'
      ? await rig.exec(rig.host, 'nft', 'list', 'set', 'bridge', 'drover', 'pairs')
      : await rig.exec(rig.host, 'iptables-save', '-c', '-t', 'mangle');
  for (const [, one = '', two = '', three = ''] of text.matchAll(pattern)) {
    const [from, to, count] = method === 'nftables' ? [one, two, three] : [two, three, one];
    if (to === 'nic0') pairs.tx += Number(count);
    if (from === 'nic0') pairs.rx += Number(count);
  }
  const own = await rig.exec(rig.host, 'nft', 'list', 'counters', 'table', 'inet', 'check');
  const of = (name: string) =>
    (new RegExp(`counter ${name} {\\s*packets (\\d+) bytes (\\d+)`).exec(own) ?? []).slice(1).map(Number);
  const [outPackets = 0, outBytes = 0] = of('out');
  const [inPackets = 0, inBytes = 0] = of('in');
  return { pairs, own: { tx: outPackets, rx: inPackets, txBytes: outBytes, rxBytes: inBytes } };
}

/** Both ways of counting while nothing is on the wire: a last packet of a flow may come between two readings. */
async function readInSilence(counting: Counting, method: 'nftables' | 'iptables') {
  for (let tries = 0; tries < 50; tries += 1) {
    const first = await packets(method);
    const counts = await counting.read();
    const checked = await packets(method);
    if (isDeepStrictEqual(first, checked)) return { counts, checked };
    await sleep(100);
  }
  throw new Error('packets come all the time, though nobody sends any');
}

describe.each(['nftables', 'iptables'] as const)('with %s', (method) => {
  it('VMs and the host itself add up to the NIC, over 100,000 packets, to the packet', async () => {
    const counting = new Counting(rig, { taps: rig.taps, method });
    await counting.begin();
    const servers = await Promise.all([5201, 5202, 5203].map((port) => rig.iperfServer(rig.peer, port)));
    await Promise.all([flood(rig.guests[0], PEER, 5), flood(rig.guests[1], PEER, 5), flood(rig.peer, HOST, 5)]);
    const { counts: started, checked: before } = await readInSilence(counting, method);

    const [answered, , local] = await Promise.all([
      flood(rig.peer, HOST, 12_000),
      flood(rig.guests[0], PEER, 12_000, 400),
      flood(rig.guests[0], GUESTS[1], 12_000),
      pour(rig.guests[0], '-p', '5201'),
      pour(rig.guests[1], '-p', '5202', '-R'),
      pour(rig.host, '-p', '5203'),
    ]);

    const { counts: ended, checked: after } = await readInSilence(counting, method);
    for (const server of servers) server.kill();
    counting.stop();
    expect(ended.method).toBe(method);
    expect(answered).toBe(12_000);

    const nic = difference(started.nic, ended.nic);
    const own = difference(before.own, after.own);
    const pairs = difference(before.pairs, after.pairs);
    // The thesis' R1 + R2 = NIC, in packets and in bytes; the host's own with 14 bytes of Ethernet each.
    expect({ tx: pairs.tx + own.tx, rx: pairs.rx + own.rx }).toEqual({ tx: nic.txPackets, rx: nic.rxPackets });
    console.log(
      `${method}: VMs ${pairs.tx + pairs.rx} + host ${own.tx + own.rx} = NIC ${nic.txPackets + nic.rxPackets} packets, ` +
        `${2 * local} more between VMs`,
    );
    const vms = (direction: 'tx' | 'rx') => sum(ended, direction) - sum(started, direction);
    expect(vms('tx') + own.txBytes + 14 * own.tx).toBe(nic.tx);
    expect(vms('rx') + own.rxBytes + 14 * own.rx).toBe(nic.rx);
    expect(nic.txPackets + nic.rxPackets + 2 * local).toBeGreaterThan(100_000);
    // The host's answers to pings are all of its control traffic: 56 + 8 + 20 + 14 bytes each.
    const control = difference(started.own, ended.own);
    expect([control.controlTx, control.controlRx]).toEqual([answered * 98, answered * 98]);
    // Each guest's own share: who sends and who receives.
    const [one, two] = ended.taps.map(({ tx, rx }, index) => ({
      tx: tx - (started.taps[index]?.tx ?? 0),
      rx: rx - (started.taps[index]?.rx ?? 0),
    }));
    expect(one?.tx).toBeGreaterThan(12_000 * 442 + 15_000 * 1042);
    expect(two?.rx).toBeGreaterThan(15_000 * 1042);
    expect(two?.tx).toBeLessThan(100_000);
  });
});

function sum(counts: Counts, direction: 'tx' | 'rx'): number {
  return counts.taps.reduce((total, tap) => total + tap[direction], 0);
}

function difference<T extends Record<string, number>>(before: T, after: T): T {
  return Object.fromEntries(Object.entries(after).map(([key, value]) => [key, value - (before[key] ?? 0)])) as T;
}
