import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { LinkReservation } from '../../hostd/contract.ts';
import { GUESTS, LINK_MEGABITS, lease, PEER, Rig } from './rig.ts';

const rig = new Rig();
let port = 5400;
/** On a busy machine senders and receivers do not fill it; its own guarantee is a fifth. */
const BORROWS = 0.6;

beforeAll(async () => {
  await rig.start();
  await rig.startDaemon();
});
afterEach(() => rig.call('DELETE', '/v1/leases/a?fence=1'));
afterAll(() => rig.stop());

/** Mbit/s for migration and workload; each may borrow up to its ceiling. */
function share(migration: [rate: number, ceil: number], workload: [rate: number, ceil: number]): LinkReservation {
  const rates = ([rate, ceil]: [number, number], prio: number) => ({
    rateBitsPerSecond: rate * 1e6,
    ceilBitsPerSecond: ceil * 1e6,
    prio,
  });
  return { migration: rates(migration, 1), workload: rates(workload, 2) };
}

async function put(tx: LinkReservation, rx = tx): Promise<void> {
  expect((await rig.call('PUT', '/v1/leases/a', lease(0, 0, { tx, rx }))).status).toBe(200);
}

interface Sent {
  megabitsPerSecond: number;
  lost: number;
  packets: number;
}

async function flow(from: string, to: string, address: string, seconds: number, more: string[] = []): Promise<Sent> {
  const on = String(port++);
  await rig.iperfServer(to, Number(on), '-1');
  const time = ['-t', String(seconds), ...(more.includes('-u') ? [] : ['-O', '1'])];
  const text = await rig.exec(from, 'iperf3', '-c', address, '-p', on, ...time, '-J', ...more);
  const { sum, sum_received } = JSON.parse(text).end;
  return {
    megabitsPerSecond: (sum_received ?? sum).bits_per_second / 1e6,
    lost: sum?.lost_packets ?? 0,
    packets: sum?.packets ?? 0,
  };
}

/** Datagrams that reached the receiver when its socket was full. */
async function lostInSocket(namespace: string): Promise<number> {
  const [names = '', figures = ''] = (await rig.exec(namespace, 'grep', '^Udp:', '/proc/net/snmp')).split('\n');
  return Number(figures.split(' ')[names.split(' ').indexOf('RcvbufErrors')]);
}

const leaving = (seconds: number, more?: string[]) => flow(rig.guests[0], rig.peer, PEER, seconds, more);
const entering = (seconds: number, more?: string[]) => flow(rig.peer, rig.guests[1], GUESTS[1], seconds, more);

it('what the migration does not use the workload borrows, and with equal rate and ceil it may not', async () => {
  await put(share([145, LINK_MEGABITS], [40, LINK_MEGABITS]));
  const [out, into] = await Promise.all([leaving(3), entering(3)]);
  expect(out.megabitsPerSecond).toBeGreaterThan(BORROWS * LINK_MEGABITS);
  expect(into.megabitsPerSecond).toBeGreaterThan(BORROWS * LINK_MEGABITS);
  await put(share([145, 145], [40, 40]));
  const [cappedOut, cappedInto] = await Promise.all([leaving(3), entering(3)]);
  expect(cappedOut.megabitsPerSecond).toBeLessThan(44);
  expect(cappedInto.megabitsPerSecond).toBeLessThan(44);
});

it('a workload that is squeezed on its way out does not take the way in down with it', async () => {
  await put(share([145, 145], [12, 12]), share([20, 20], [160, 160]));
  const [out, into] = await Promise.all([leaving(5, ['-P', '4']), entering(4)]);
  expect(out.megabitsPerSecond).toBeLessThan(13.2);
  expect(into.megabitsPerSecond).toBeGreaterThan(BORROWS * 160);
});

it('a class that is not changed loses nothing while the other is changed 50 times', async () => {
  await put(share([100, 100], [60, 60]));
  // So slow that a sender or receiver that stands still for a tenth of a second overflows neither queue nor socket.
  const paced = ['-u', '-b', '5M', '-l', '1200'];
  const both = Promise.all([leaving(8, paced), entering(8, paced)]);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  for (let change = 0; change < 50; change++) {
    const rate = 20 + ((change * 37) % 100);
    await put(share([rate, rate], [60, 60]));
  }
  const ends = await both;
  for (const [index, receiver] of [rig.peer, rig.guests[1]].entries()) {
    expect(ends[index]?.packets).toBeGreaterThan(1000);
    expect(ends[index]?.lost, receiver).toBe(await lostInSocket(receiver));
  }
  for (const device of ['nic0', 'drover-ifb0']) {
    const classes = await rig.tc('-s', 'class', 'show', 'dev', device);
    expect(/class htb d707:32 [\s\S]*?\(dropped (\d+),/.exec(classes)?.[1], device).toBe('0');
  }
});

it('control traffic gets through while all else is full, both ways', async () => {
  await put(share([145, LINK_MEGABITS], [40, LINK_MEGABITS]));
  const load = Promise.all([
    leaving(4, ['-P', '4']),
    entering(4, ['-P', '4']),
    flow(rig.host, rig.peer, PEER, 4, ['--cport', '49152']),
  ]);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const pings = await rig.exec(rig.peer, 'ping', '-n', '-c', '100', '-i', '0.02', '-W', '1', '10.99.0.1');
  expect(pings).toContain(' 0% packet loss');
  const times = [...pings.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms)).sort((a, b) => a - b);
  expect(times[98]).toBeLessThan(200);
  await load;
});
