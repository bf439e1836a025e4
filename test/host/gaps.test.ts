import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { HistoryEntry } from '../../hostd/contract.ts';
import { daemonPid } from './cost.ts';
import { domainNames, TestLibvirt } from './libvirt.ts';
import { GUESTS, PEER, Rig } from './rig.ts';

/**
 * What counters do that are not traffic: they vanish, begin anew, are made anew, are not read for a while. A guest pings
 * all the time, and the counters have long counted many times what they count in a second: whoever takes a counter's
 * value for its growth sees many times the rate, and so does who takes the growth of a gap for that of a second.
 */
const rig = new Rig();
const libvirt = new TestLibvirt();
const VMS = rig.taps.map((tap, index) => ({ ...domainNames(index), tap }));
/** 100 packets a second of 1000 bytes and the headers of ICMP (8), IP (20) and Ethernet (14). */
const BITS_PER_SECOND = 100 * 1042 * 8;
/** A reading may be late or early by a few packets; ARP and hostd's own answers are few. */
const MOST = 3 * BITS_PER_SECOND;
/** On a busy machine ping sends less often. */
const LEAST = BITS_PER_SECOND / 10;
const PAUSE_MS = 4000;

beforeAll(async () => {
  await rig.start();
  await libvirt.start(join(rig.dir, 'libvirt'), VMS);
  rig.environment = { PATH: libvirt.path };
});
afterAll(async () => {
  await libvirt.stop();
  await rig.stop();
});

/** The readings of the last seconds, asked from the host itself: the NIC may be away. */
async function readings(seconds: number): Promise<HistoryEntry[]> {
  const vms = VMS.map(({ uuid }) => `vm=${uuid}`).join('&');
  const { json } = await rig.callFromHost('GET', `/v1/history?seconds=${seconds}&${vms}`);
  return (json?.entries ?? []) as HistoryEntry[];
}

function rates({ nic, vms }: HistoryEntry): number[] {
  const ofVms = vms.flatMap(({ txBitsPerSecond, rxBitsPerSecond }) => [txBitsPerSecond, rxBitsPerSecond]);
  return [nic.txBitsPerSecond, nic.rxBitsPerSecond, ...ofVms];
}

/** The guest's rate in a reading, the smaller of both directions; 0 if it has none. */
function guest({ vms }: HistoryEntry): number {
  const vm = vms.find(({ vmUuid }) => vmUuid === VMS[0]?.uuid);
  return Math.min(vm?.txBitsPerSecond ?? 0, vm?.rxBitsPerSecond ?? 0);
}

function talk() {
  return rig.spawn(rig.guests[0], 'ping', '-q', '-i', '0.01', '-s', '1000', PEER);
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Does it, and proves that no reading since saw more than there was, and that whole ones come again. */
async function happens(what: () => Promise<unknown>): Promise<HistoryEntry[]> {
  const before = (await readings(3)).map(guest);
  expect(Math.max(...before)).toBeGreaterThan(LEAST);
  const startedMs = Date.now();
  await what();
  const endedMs = Date.now();
  const after = (ms: number) => async () => (await readings(60)).filter(({ atMs }) => atMs > ms);
  const whole = async () => (await after(endedMs)()).filter((entry) => guest(entry) > LEAST).length;
  await expect.poll(whole, { interval: 200 }).toBeGreaterThanOrEqual(2);
  const since = await after(startedMs)();
  const seen = since.flatMap(rates);
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...seen)).toBeLessThan(MOST);
  expect(guest(since.at(-1) as HistoryEntry)).toBeGreaterThan(LEAST);
  return since;
}

/** Counters stand at many times what a second brings; the reading that tells of it has passed when what is tested begins. */
async function fill(): Promise<void> {
  await rig.exec(rig.guests[0], 'ping', '-q', '-f', '-c', '1500', '-s', '1000', PEER);
  await sleep(2500);
}

/** Guest and daemon, and counters that stand at many times what a second brings. */
async function begin(counting: string): Promise<() => Promise<void>> {
  const ping = talk();
  await rig.startDaemon({ counting, libvirtUri: libvirt.uri, dirtyRateEveryMs: 0 });
  const isSeen = async () => expect(Math.max(...(await readings(3)).map(guest))).toBeGreaterThan(LEAST);
  await vi.waitFor(isSeen, { timeout: 30_000, interval: 200 });
  await fill();
  return async () => {
    ping.kill();
    await rig.killDaemon('SIGTERM');
  };
}

/** With the Ethernet address that its neighbours know. */
async function makeAnew(tap: string, namespace: string, address: string, mac: string): Promise<void> {
  const end = ['peer', 'name', 'eth0', 'address', mac, 'netns', namespace];
  await rig.ip('link', 'add', 'name', tap, 'type', 'veth', ...end);
  await rig.ip('link', 'set', 'dev', tap, 'master', 'brq0', 'up');
  await rig.exec(namespace, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
  await rig.exec(namespace, 'ip', 'link', 'set', 'dev', 'eth0', 'up');
}

async function macOf(namespace: string): Promise<string> {
  return (await rig.exec(namespace, 'cat', '/sys/class/net/eth0/address')).trim();
}

/** hostd does not run for longer than its window, in which ten times as much crosses the NIC as in any time before. */
async function pause(): Promise<number> {
  const pid = await daemonPid(rig);
  process.kill(pid, 'SIGSTOP');
  const stoppedMs = Date.now();
  try {
    await rig.exec(rig.guests[0], 'ping', '-q', '-f', '-c', '5000', '-s', '1000', PEER);
    await sleep(Math.max(0, PAUSE_MS - (Date.now() - stoppedMs)));
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  return stoppedMs;
}

async function isPaused(): Promise<void> {
  let stoppedMs = 0;
  const since = await happens(async () => {
    stoppedMs = await pause();
  });
  // No reading tells of the pause: the one that ends it begins the next interval.
  const told = since.filter(({ atMs }) => atMs > stoppedMs && atMs < stoppedMs + PAUSE_MS + 200);
  expect(told).toEqual([]);
}

async function tapIsRemade(): Promise<void> {
  await happens(async () => {
    const mac = await macOf(rig.guests[0]);
    await rig.ip('link', 'del', 'dev', rig.taps[0]);
    await sleep(2500);
    await makeAnew(rig.taps[0], rig.guests[0], GUESTS[0], mac);
    talk();
  });
}

async function nicIsRemade(): Promise<void> {
  await happens(async () => {
    const mac = await macOf(rig.peer);
    await rig.ip('link', 'del', 'dev', 'nic0');
    await expect
      .poll(async () => (await rig.callFromHost('GET', '/healthz')).json.problems.join())
      .toContain('No interface "nic0"');
    await makeAnew('nic0', rig.peer, PEER, mac);
  });
}

describe('No rate is made of nftables counters', () => {
  let end = async () => {};
  beforeAll(async () => {
    end = await begin('nftables');
  });
  afterAll(() => end());

  it('that somebody flushes with all rules', async () => {
    await happens(() => rig.exec(rig.host, 'nft', 'flush', 'ruleset'));
    await fill();
  });
  it('that somebody empties and resets', async () => {
    await happens(async () => {
      await rig.exec(rig.host, 'nft', 'flush', 'set', 'bridge', 'drover', 'pairs');
      await rig.exec(rig.host, 'nft', 'reset', 'counters', 'table', 'bridge', 'drover');
    });
    await fill();
  });
  it('of a tap that vanishes and comes back with the same name', tapIsRemade);
  it('beside a NIC that vanishes and comes back with the same name', nicIsRemade);
  it('that hostd does not read for 4 s', isPaused);
});

describe('No rate is made of iptables counters', () => {
  let end = async () => {};
  beforeAll(async () => {
    end = await begin('iptables');
  });
  afterAll(() => end());

  it('that somebody flushes with all rules', async () => {
    await happens(() => rig.exec(rig.host, 'iptables', '-t', 'mangle', '-F'));
    await fill();
  });
  it('that somebody sets to zero', async () => {
    await happens(() => rig.exec(rig.host, 'iptables', '-t', 'mangle', '-Z'));
    await fill();
  });
  it('that hostd does not read for 4 s', isPaused);
});

describe("No rate is made of a tap's own counters", () => {
  let end = async () => {};
  beforeAll(async () => {
    end = await begin('tap');
  });
  afterAll(() => end());

  it('of a tap that vanishes and comes back with the same name', tapIsRemade);
  it('that hostd does not read for 4 s', isPaused);
});
