import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNftCounters, readNicCounters } from '../../hostd/measure/counters.ts';
import { pairKey } from '../../hostd/measure/netfilter.ts';
import { GUESTS, PEER, Rig } from './rig.ts';

// Names that the kernel takes: they must reach no shell and no rule's text.
const rig = new Rig(['$(id)', ';reboot"']);

beforeAll(async () => {
  await rig.start();
  await rig.startDaemon();
});
afterAll(() => rig.stop());

async function counters() {
  const run = (file: string, args: readonly string[]) => rig.exec(rig.host, file, ...args);
  const nft = await readNftCounters(run);
  const [, nic] = (await rig.exec(rig.host, 'cat', '/proc/net/dev')).split('nic0:');
  const columns = (nic ?? '').trim().split(/\s+/).map(Number);
  const pair = (from: string, to: string) => nft.pairs.get(pairKey(from, to)) ?? 0;
  return { nft, pair, nicTx: columns[8] ?? 0, nicRx: columns[0] ?? 0 };
}

describe('the counters', () => {
  it('leave VM-to-VM traffic out, whatever the taps are called', async () => {
    const [one, two] = rig.taps;
    await rig.exec(rig.guests[0], 'ping', '-c', '20', '-i', '0.01', '-s', '1000', GUESTS[1]);
    const local = await counters();
    expect(local.pair(one, two)).toBeGreaterThan(20 * 1042);
    const before = local.pair(one, 'nic0');
    await rig.exec(rig.guests[0], 'ping', '-c', '20', '-i', '0.01', '-s', '1000', PEER);
    const after = await counters();
    // 1000 bytes and the headers of ICMP (8), IP (20) and Ethernet (14); ARP may add a packet or two.
    const sent = after.pair(one, 'nic0') - before;
    expect(sent).toBeGreaterThanOrEqual(20 * 1042);
    expect(sent).toBeLessThan(20 * 1042 + 500);
    expect(after.pair(one, two) - local.pair(one, two)).toBeLessThan(500);
  });

  it('add up to the NIC: what VMs send, and nothing else, leaves it', async () => {
    // Without the bridge's own address on the wire only the guests talk.
    const before = await counters();
    await Promise.all([
      rig.exec(rig.guests[0], 'ping', '-c', '100', '-i', '0.01', '-s', '1400', PEER),
      rig.exec(rig.guests[1], 'ping', '-c', '100', '-i', '0.01', '-s', '200', PEER),
    ]);
    const after = await counters();
    const vms = rig.taps.reduce((sum, tap) => sum + after.pair(tap, 'nic0') - before.pair(tap, 'nic0'), 0);
    const nic = after.nicTx - before.nicTx;
    expect(vms).toBeGreaterThan(100 * (1442 + 242) - 1);
    // The rest is the host's own: neighbour discovery.
    expect(nic).toBeGreaterThanOrEqual(vms);
    expect(nic - vms).toBeLessThan(0.02 * nic);
  });

  it("count migration traffic between the hosts, and no tenant's flow on the same ports", async () => {
    const listener = rig.spawn(rig.peer, 'iperf3', '-s', '-p', '49170');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await rig.exec(rig.guests[0], 'iperf3', '-c', PEER, '-p', '49170', '-n', '1M');
    const tenant = await counters();
    expect(tenant.nft.migrationTxBytes).toBe(0);
    await rig.exec(rig.host, 'iperf3', '-c', PEER, '-p', '49170', '-n', '4M');
    const after = await counters();
    listener.kill();
    expect(after.nft.migrationTxBytes).toBeGreaterThan(4 * 1024 * 1024);
    const share = after.nft.migrationTxBytes / (after.nicTx - tenant.nicTx);
    expect(share).toBeGreaterThan(0.95);
    expect(share).toBeLessThanOrEqual(1);
    const { nic } = (await rig.call('GET', '/v1/sample')).json;
    expect(nic.migrationTxBitsPerSecond).toBeLessThanOrEqual(nic.txBitsPerSecond);
  });
});

describe('without libvirt and Nova', () => {
  it('hostd answers, and says what is missing', async () => {
    const health = (await rig.call('GET', '/healthz')).json;
    expect(health.status).toBe('degraded');
    expect(health.problems.join()).toMatch(/libvirt does not answer.*virsh event does not run.*nova.conf/s);
    expect((await rig.call('GET', '/v1/host')).json.postCopy.permitted).toBe(false);
    expect((await rig.call('GET', '/v1/sample')).json.vms).toEqual([]);
    expect((await rig.call('GET', '/v1/migrations')).json.migrations).toEqual([]);
  });
});

describe('an interface that does not exist', () => {
  it('is an error that says what to set', async () => {
    await expect(readNicCounters('nowhere0')).rejects.toThrow('Set "nic" to one that `ip link` shows');
  });
});
