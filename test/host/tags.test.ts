import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Frame } from './frames.ts';
import { lease, Rig } from './rig.ts';
import { classCounters, grown, transmit } from './wire.ts';

/**
 * Frames byte for byte, through the classes of a real daemon. The kernel of the tests has no VLAN devices; what they leave
 * to the NIC (a tag beside the frame) is what a bridge makes of a tagged frame that enters by another port.
 */
const rig = new Rig();

beforeAll(() => rig.start());
afterAll(() => rig.stop());
afterEach(() => rig.killDaemon('SIGTERM'));

interface Case {
  what: string;
  more: Partial<Frame>;
  expected: 'migration' | 'workload' | 'control';
}

const V4 = { source: '10.98.0.1', destination: '10.98.0.7', sourcePort: 40_000, destinationPort: 49_160 };
const V6 = { ...V4, source: 'fd98::1', destination: 'fd98:0:0:7::7' };

const PLAIN: Case[] = [
  { what: 'a migration', more: {}, expected: 'migration' },
  { what: 'the way back of its answers', more: { sourcePort: 49_160, destinationPort: 40_000 }, expected: 'migration' },
  { what: 'ssh', more: { destinationPort: 22 }, expected: 'control' },
  { what: 'another port', more: { destinationPort: 49_216 }, expected: 'workload' },
  { what: 'another address', more: { source: '10.98.0.2' }, expected: 'workload' },
  { what: 'no peer', more: { destination: '10.97.0.7' }, expected: 'workload' },
  { what: 'another protocol', more: { protocol: 17 }, expected: 'workload' },
  { what: 'one with IPv4 options', more: { optionBytes: 12 }, expected: 'migration' },
  { what: 'the first fragment', more: { moreFragments: true }, expected: 'migration' },
  { what: 'another fragment', more: { fragmentOffset: 64 }, expected: 'workload' },
  { what: 'a tagged one', more: { tags: [100] }, expected: 'workload' },
];

const TAGGED: Case[] = [
  { what: 'a migration in its VLAN', more: { tags: [100] }, expected: 'migration' },
  { what: 'one with IPv4 options', more: { tags: [100], optionBytes: 40 }, expected: 'migration' },
  { what: 'ssh', more: { tags: [100], destinationPort: 22 }, expected: 'control' },
  { what: 'another fragment', more: { tags: [100], fragmentOffset: 64 }, expected: 'workload' },
  { what: 'the same addresses in the VLAN of a tenant', more: { tags: [101] }, expected: 'workload' },
  { what: 'the same addresses in two tags', more: { tags: [7, 100] }, expected: 'workload' },
  { what: 'the same addresses without a tag', more: {}, expected: 'workload' },
];

const STACKED: Case[] = [
  { what: 'a migration in its VLANs', more: { tags: [10, 20] }, expected: 'migration' },
  {
    what: 'one with extension headers',
    more: {
      tags: [10, 20],
      extensions: [
        [0, 8],
        [60, 16],
      ],
    },
    expected: 'migration',
  },
  { what: 'neighbour discovery', more: { tags: [10, 20], protocol: 58, icmpType: 135 }, expected: 'control' },
  { what: 'the VLANs the other way round', more: { tags: [20, 10] }, expected: 'workload' },
  { what: 'one of the tags', more: { tags: [20] }, expected: 'workload' },
  { what: 'no tag', more: {}, expected: 'workload' },
];

/** Turned round for what enters. */
function back({ source, destination, sourcePort = 0, destinationPort = 0, ...more }: Frame): Frame {
  return {
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
    ...more,
  };
}

describe.each([
  ['without a tag', V4, [], PLAIN],
  ['in a VLAN', V4, [100], TAGGED],
  ['in a VLAN of a VLAN (802.1ad), over IPv6', V6, [10, 20], STACKED],
] as const)('the migration address %s', (_, flow, vlans, cases) => {
  it.each([
    ['what leaves, its tags inside the frame', 'nic0', 'host'],
    ['what leaves, the outermost tag beside it', 'nic0', 'guest'],
    ['what enters', 'drover-ifb0', 'peer'],
  ] as const)('%s: each frame is in its class', async (__, device, sender) => {
    await rig.startDaemon({
      migration: { address: flow.source, peers: ['10.98.0.0/28', 'fd98::/61'] },
      vlans: { [flow.source]: [...vlans] },
    });
    expect((await rig.call('PUT', '/v1/leases/a', lease(100, 80))).status).toBe(200);
    const [namespace, port] = { host: [rig.host, 'nic0'], guest: [rig.guests[0], 'eth0'], peer: [rig.peer, 'eth0'] }[
      sender
    ] as [string, string];
    // One frame of the first case, two of the second, four of the third: the sum in a class tells which are in it.
    const frames = cases.flatMap(({ more }, index) => {
      const wanted: Frame = { ...flow, ...more };
      return Array<Frame>(2 ** index).fill(sender === 'peer' ? back(wanted) : wanted);
    });
    const casesOf = (name: Case['expected']) =>
      cases.filter(({ expected }) => expected === name).map(({ what }) => what);
    const casesIn = (packets: number) =>
      cases.filter((_, index) => (packets & (2 ** index)) !== 0).map(({ what }) => what);
    const sendOnce = async () => {
      const before = await classCounters(rig, device);
      await transmit(rig, namespace, port, frames);
      // What was redirected to the IFB is sent by its own tasklet.
      const sent = async () =>
        Object.values(grown(before, await classCounters(rig, device))).reduce((sum, { packets }) => sum + packets, 0);
      await expect.poll(sent).toBeGreaterThanOrEqual(frames.length);
      const { migration, workload, control } = grown(before, await classCounters(rig, device));
      expect(migration.packets + workload.packets + control.packets).toBeGreaterThanOrEqual(frames.length);
      return { migration: migration.packets, workload: workload.packets };
    };
    // Beside the test neighbour discovery, ARP and hostd's answers are on the wire, which are control. A frame of anybody
    // else is in one sum and not in the next; one in the wrong class is there each time.
    let sums = await sendOnce();
    const shown = () => ({ migration: casesIn(sums.migration), workload: casesIn(sums.workload) });
    const expected = { migration: casesOf('migration'), workload: casesOf('workload') };
    for (let again = 0; again < 2 && !isDeepStrictEqual(shown(), expected); again += 1) sums = await sendOnce();
    expect(shown()).toEqual(expected);
    expect(sums.migration + sums.workload).toBeLessThan(frames.length);
    await rig.call('DELETE', '/v1/leases/a?fence=1');
  });
});

it('other peers replace the program and nothing else: the classes keep their counters', async () => {
  const program = async () => /bytecode '(.*)'/.exec(await rig.tc('filter', 'show', 'dev', 'nic0'))?.[1];
  await rig.startDaemon({ migration: { address: V4.source, peers: ['10.98.0.0/28'] } });
  await rig.call('PUT', '/v1/leases/a', lease(100, 80));
  await transmit(rig, rig.host, 'nic0', [V4, V4, V4]);
  const first = await program();
  expect((await classCounters(rig, 'nic0')).migration.packets).toBe(3);
  await rig.killDaemon('SIGTERM');
  await rig.startDaemon({ migration: { address: V4.source, peers: ['10.97.0.0/28'] } });
  await expect.poll(program).not.toBe(first);
  await transmit(rig, rig.host, 'nic0', [V4, { ...V4, destination: '10.97.0.7' }]);
  expect((await classCounters(rig, 'nic0')).migration.packets).toBe(4);
  await rig.call('DELETE', '/v1/leases/a?fence=1');
});

it.each([
  ['lo', {}, 'lo has no Ethernet frames'],
  ['nic0', { address: 'fd98::1', peers: ['10.98.0.0/28'] }, 'fd98::1 is IPv6 and no IPv6 block'],
])('hostd on %s with %j ends and says why', async (nic, migration, why) => {
  const given = { address: V4.source, peers: ['10.98.0.0/28'], ...migration };
  await expect(rig.startDaemon({ nic, migration: given })).rejects.toThrow('hostd ended');
  const [file = '', ...args] = rig.service(['--config', join(rig.dir, 'hostd.yaml')]);
  await expect(rig.exec(rig.host, file, ...args)).rejects.toThrow(why);
});
