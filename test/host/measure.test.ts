import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Counting } from './counting.ts';
import { GUESTS, HOST, PEER, Rig } from './rig.ts';

// Names that the kernel takes: they must reach no shell and no rule's text.
const rig = new Rig(['$(id)', ';reboot"']);

beforeAll(async () => {
  await rig.start();
  await rig.startDaemon();
});
afterAll(() => rig.stop());

/** Runs iperf3; gives what the receiver got, bytes: what the sender still held when it ended never was on the wire. */
async function received(namespace: string, ...options: string[]): Promise<number> {
  const report = JSON.parse(await rig.exec(namespace, 'iperf3', '-J', '-c', PEER, ...options));
  const { bytes } = report.end.sum_received;
  expect(bytes).toBeGreaterThan(256 * 1024);
  return bytes;
}

const over = (least: number) => (value: number) => value > least;
const about = (wanted: number) => (value: number) => value > 0.7 * wanted && value < 1.4 * wanted;

describe('the counters', () => {
  it("give the host's rates in parts that add up", async () => {
    const pings = [
      rig.spawn(rig.guests[0], 'ping', '-q', '-i', '0.002', '-s', '1000', PEER),
      rig.spawn(rig.peer, 'ping', '-q', '-i', '0.002', '-s', '1000', HOST),
    ];
    const parts = async () => {
      const { nic, windowMs } = (await rig.call('GET', '/v1/sample')).json;
      expect(windowMs).toBeGreaterThan(900);
      const { txBitsPerSecond: tx, controlTxBitsPerSecond: control, workloadTxBitsPerSecond: workload } = nic;
      expect(nic.migrationTxBitsPerSecond + control + workload).toBeCloseTo(tx, 3);
      return { control, ratio: control / workload };
    };
    // Both floods are alike: the host's answers are control traffic, the guest's questions workload.
    await expect.poll(parts).toEqual({ control: expect.toSatisfy(over(1e6)), ratio: expect.toSatisfy(about(1)) });
    for (const ping of pings) {
      const ended = once(ping, 'exit');
      ping.kill();
      await ended;
    }
  });

  it("count migration and control traffic between the hosts, and no tenant's flow on the same ports", async () => {
    const counting = new Counting(rig, { taps: rig.taps });
    await counting.begin();
    const listeners = await Promise.all([49_170, 22].map((port) => rig.iperfServer(rig.peer, port)));
    for (const port of ['49170', '22']) await rig.exec(rig.guests[0], 'iperf3', '-c', PEER, '-p', port, '-n', '1M');
    const tenant = await counting.read();
    expect(tenant.own.migrationTx + tenant.own.controlTx).toBe(0);
    const sent = await received(rig.host, '-p', '49170', '-n', '4M');
    const migrated = await counting.read();
    const answered = await received(rig.host, '-p', '22', '-n', '4M', '-R');
    const controlled = await counting.read();
    for (const listener of listeners) listener.kill();
    expect(migrated.own.migrationTx).toBeGreaterThan(sent);
    expect(migrated.own.migrationTx / (migrated.nic.tx - tenant.nic.tx)).toBeGreaterThan(0.95);
    expect(migrated.own.controlTx - tenant.own.controlTx).toBeLessThan(5000);
    expect(controlled.own.controlRx).toBeGreaterThan(answered);
    expect(controlled.own.controlRx / (controlled.nic.rx - migrated.nic.rx)).toBeGreaterThan(0.95);
    counting.stop();
  });

  it('leave VM-to-VM traffic out, whatever the taps are called', async () => {
    const counting = new Counting(rig, { taps: rig.taps });
    await counting.begin();
    await rig.exec(rig.guests[0], 'ping', '-c', '20', '-i', '0.01', '-s', '1000', GUESTS[1]);
    const local = await counting.read();
    const [one, two] = local.taps;
    expect((one?.tx ?? 0) + (two?.tx ?? 0)).toBeLessThan(500);
    await rig.exec(rig.guests[0], 'ping', '-c', '20', '-i', '0.01', '-s', '1000', PEER);
    const after = (await counting.read()).taps[0];
    // 1000 bytes and the headers of ICMP (8), IP (20) and Ethernet (14); ARP may add a packet or two.
    expect(after?.tx).toBeGreaterThanOrEqual(20 * 1042);
    expect(after?.tx).toBeLessThan(20 * 1042 + 1000);
    counting.stop();
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
    const counting = new Counting(rig, { taps: [], nic: 'nowhere0' });
    await expect(counting.begin()).rejects.toThrow('Set "nic" to one that `ip link` shows');
    counting.stop();
  });
});
