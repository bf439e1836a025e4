import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GUESTS, HOST, LINK_MEGABITS, lease, PEER, Rig } from './rig.ts';

const rig = new Rig();
/** Of its guarantee; on a busy machine senders and receivers do not fill it. */
const LEAST = 0.6;
let before = '';

beforeAll(async () => {
  await rig.start();
  before = await rig.snapshot();
  await rig.startDaemon();
});
afterEach(async () => {
  for (const { leaseId } of (await rig.call('GET', '/v1/leases')).json.leases)
    await rig.call('DELETE', `/v1/leases/${leaseId}?fence=1`);
});
afterAll(() => rig.stop());

/** Mbit/s that a TCP flow of 3 s gets. */
async function measure(from: string, address: string, server: string, port: number): Promise<number> {
  const listener = await rig.iperfServer(server, port, '-1');
  const text = await rig.exec(from, 'iperf3', '-c', address, '-p', String(port), '-t', '3', '-O', '1', '-J');
  listener.kill();
  return JSON.parse(text).end.sum_received.bits_per_second / 1e6;
}

describe('a lease', () => {
  it('holds what leaves: a full workload beside a full migration', async () => {
    expect((await rig.call('PUT', '/v1/leases/a', lease(140, 40))).status).toBe(200);
    const [migration, workload] = await Promise.all([
      measure(rig.host, PEER, rig.peer, 49_160),
      measure(rig.guests[0], PEER, rig.peer, 5301),
    ]);
    expect(workload).toBeGreaterThan(40 * LEAST);
    expect(workload).toBeLessThan(40 * 1.15);
    expect(migration).toBeGreaterThan(140 * LEAST);
    expect(migration).toBeLessThan(LINK_MEGABITS);
  });

  it('holds what enters, over the IFB', async () => {
    await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    const [migration, workload] = await Promise.all([
      measure(rig.peer, HOST, rig.host, 49_161),
      measure(rig.peer, GUESTS[0], rig.guests[0], 5302),
    ]);
    expect(workload).toBeGreaterThan(40 * LEAST);
    expect(workload).toBeLessThan(40 * 1.15);
    expect(migration).toBeGreaterThan(140 * LEAST);
  });

  it('is changed in place: the classes stay and keep their counters', async () => {
    await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    await rig.exec(rig.host, 'ping', '-c', '2', '-i', '0.1', PEER);
    const control = async () =>
      /class htb d707:10 [\s\S]*?Sent (\d+) bytes/.exec(await rig.tc('-s', 'class', 'show', 'dev', 'nic0'))?.[1];
    const sent = Number(await control());
    expect(sent).toBeGreaterThan(0);
    expect((await rig.call('PUT', '/v1/leases/a', lease(60, 100))).status).toBe(200);
    expect(Number(await control())).toBeGreaterThanOrEqual(sent);
    expect(await rig.tc('class', 'show', 'dev', 'nic0')).toMatch(/d707:20 .* rate 60Mbit/);
    expect(await rig.tc('class', 'show', 'dev', 'drover-ifb0')).toMatch(/d707:30 .* rate 100Mbit/);
  });

  it('leaves the qdiscs byte for byte as they were', async () => {
    await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    await rig.call('PUT', '/v1/leases/b', lease(100, 40, { priority: 'low' }));
    expect(await rig.snapshot()).not.toBe(before);
    await rig.call('DELETE', '/v1/leases/a?fence=1');
    expect(await rig.tc('class', 'show', 'dev', 'nic0')).toMatch(/d707:20 .* rate 100Mbit/);
    expect((await rig.call('DELETE', '/v1/leases/b?fence=1')).status).toBe(204);
    expect(await rig.snapshot()).toBe(before);
  });

  it('on one direction puts what comes back first on the other, and squeezes nothing there', async () => {
    const { rx: _, ...outOnly } = lease(140, 40);
    await rig.call('PUT', '/v1/leases/a', outOnly);
    expect(await rig.tc('class', 'show', 'dev', 'nic0')).toMatch(/d707:30 .* rate 40Mbit ceil 40Mbit/);
    // Of the 187 Mbit/s that can be shared.
    const back = /d707:20 .* prio 1 rate 5610Kbit ceil 187Mbit[\s\S]*d707:30 .* rate 181390Kbit ceil 187Mbit/;
    expect(await rig.tc('class', 'show', 'dev', 'drover-ifb0')).toMatch(back);
    const { tx: __, ...inOnly } = lease(140, 40);
    await rig.call('PUT', '/v1/leases/a', inOnly);
    expect(await rig.tc('class', 'show', 'dev', 'drover-ifb0')).toMatch(/d707:30 .* rate 40Mbit ceil 40Mbit/);
    expect(await rig.tc('class', 'show', 'dev', 'nic0')).toMatch(back);
    expect((await rig.call('GET', '/v1/sample')).json.reserved.tx).toBeNull();
    await rig.call('DELETE', '/v1/leases/a?fence=1');
    expect(await rig.snapshot()).toBe(before);
  });

  it('ends by itself when its time is over', async () => {
    await rig.call('PUT', '/v1/leases/a', lease(140, 40, { ttlMs: 1000 }));
    await expect.poll(() => rig.snapshot()).toBe(before);
    expect((await rig.call('GET', '/v1/leases')).json.leases).toEqual([]);
  });
});
