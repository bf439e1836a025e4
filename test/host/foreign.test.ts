import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { errorCode, lease, Rig } from './rig.ts';

const QUEUES = 4;
const rig = new Rig(undefined, { nicQueues: QUEUES });
let before = '';

beforeAll(async () => {
  await rig.start();
  before = await everything();
  await rig.startDaemon();
});
afterEach(async () => {
  for (const { leaseId } of (await rig.call('GET', '/v1/leases')).json.leases)
    await rig.call('DELETE', `/v1/leases/${leaseId}?fence=1`);
  await rig.tc('qdisc', 'del', 'dev', 'nic0', 'root').catch(() => undefined);
  await rig.tc('qdisc', 'del', 'dev', 'nic0', 'ingress').catch(() => undefined);
  expect(await everything()).toBe(before);
});
afterAll(() => rig.stop());

/** What tc says of the NIC, to the byte: with sizes that plain output rounds. */
async function everything(): Promise<string> {
  const shown = await Promise.all([
    rig.snapshot(),
    rig.tc('-r', 'qdisc', 'show', 'dev', 'nic0'),
    rig.tc('-j', '-r', 'qdisc', 'show', 'dev', 'nic0'),
    rig.tc('class', 'show', 'dev', 'nic0'),
    rig.tc('filter', 'show', 'dev', 'nic0'),
    rig.ip('-o', 'link', 'show', 'type', 'ifb'),
  ]);
  // HTB's own counter is no setting.
  return shown.join('\n').replace(/(direct_packets_stat"?[: ])\d+/g, '$1N');
}

async function make(...lines: string[]): Promise<void> {
  for (const line of lines) await rig.tc(...`qdisc add dev nic0 ${line}`.split(' '));
}

const MQ = ['root handle 1: mq'];

describe('a root qdisc that was there', () => {
  it.each<[string, string[]]>([
    ['bfifo', ['root handle 7: bfifo limit 777777']],
    ['bfifo of a size that tc rounds', ['root handle 7: bfifo limit 1048577']],
    ['pfifo with a handle of the kernel', ['root pfifo limit 50']],
    ['pfifo_fast', ['root handle 5: pfifo_fast']],
    ['tbf', ['root handle 9: tbf rate 100mbit burst 32kb latency 50ms']],
    [
      'tbf with a child',
      ['root handle 9: tbf rate 1gbit burst 64kb limit 1000000', 'parent 9:1 handle 10: bfifo limit 99999'],
    ],
    ['mq', MQ],
    [
      'mq with queues of its own',
      [
        ...MQ,
        'parent 1:4 handle 14: pfifo limit 14',
        'parent 1:2 handle 12: tbf rate 50mbit burst 16kb latency 20ms',
        'parent 1:1 bfifo limit 111111',
      ],
    ],
  ])('comes back exactly: %s', async (_, lines) => {
    await make(...lines);
    const found = await everything();
    const answer = await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    expect(answer.text).toContain('"owner"');
    expect(await rig.tc('qdisc', 'show', 'dev', 'nic0')).toContain('htb d707: root');
    expect((await rig.call('DELETE', '/v1/leases/a?fence=1')).status).toBe(204);
    expect(await everything()).toBe(found);
  });

  it.each<[string, string[], string]>([
    [
      'HTB',
      [
        'qdisc add dev nic0 root handle 1: htb default 10',
        'class add dev nic0 parent 1: classid 1:10 htb rate 100mbit',
      ],
      'htb 1:',
    ],
    ['HTB without classes', ['qdisc add dev nic0 root handle 1: htb'], 'htb 1:'],
    ['HTB below mq', ['qdisc add dev nic0 root handle 1: mq', 'qdisc add dev nic0 parent 1:1 handle 2: htb'], 'htb 2:'],
    [
      'HTB with a filter',
      [
        'qdisc add dev nic0 root handle 1: htb',
        'filter add dev nic0 parent 1: protocol ip pref 5 u32 match u32 0 0 flowid 1:1',
      ],
      'it has filters',
    ],
  ])('is refused and left alone: %s', async (_, lines, text) => {
    for (const line of lines) await rig.tc(...line.split(' '));
    const found = await everything();
    const answer = await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    expect([answer.status, errorCode(answer)]).toEqual([409, 'qdisc-foreign']);
    expect(answer.text).toContain(text);
    expect(answer.text).toContain('tc qdisc del dev nic0 root');
    expect(await everything()).toBe(found);
    expect(await rig.leasesOnDisk()).toEqual([]);
  });
});

describe('what enters', () => {
  it.each(['ingress', 'clsact'])('is not shaped where somebody else has %s', async (kind) => {
    await rig.tc('qdisc', 'add', 'dev', 'nic0', kind);
    const found = await everything();
    const answer = await rig.call('PUT', '/v1/leases/a', lease(140, 40));
    expect(errorCode(answer)).toBe('qdisc-foreign');
    expect(answer.text).toContain(kind);
    expect(await everything()).toBe(found);
    const { rx: _, ...outOnly } = lease(140, 40);
    expect((await rig.call('PUT', '/v1/leases/a', outOnly)).status).toBe(200);
    expect((await rig.call('DELETE', '/v1/leases/a?fence=1')).status).toBe(204);
    expect(await everything()).toBe(found);
    await rig.tc('qdisc', 'del', 'dev', 'nic0', kind);
  });
});

describe('the device for trying', () => {
  it('that a crash left is removed at the next start', async () => {
    await rig.ip('link', 'add', 'name', 'drover-try0', 'address', '02:d7:07:1f:b0:01', 'type', 'ifb');
    await rig.killDaemon();
    await rig.startDaemon();
    expect(await rig.ip('link', 'show')).not.toContain('drover-try0');
  });

  it('is left alone if it is not of hostd, and nothing else is touched', async () => {
    await rig.ip('link', 'add', 'name', 'drover-try0', 'type', 'ifb');
    await make('root handle 7: bfifo limit 777777');
    const found = await everything();
    expect(errorCode(await rig.call('PUT', '/v1/leases/a', lease(140, 40)))).toBe('qdisc-foreign');
    expect(await everything()).toBe(found);
    await rig.ip('link', 'del', 'dev', 'drover-try0');
  });
});

describe('an interface of the name of the IFB', () => {
  it('is left alone if it is not of hostd', async () => {
    await rig.ip('link', 'add', 'name', 'drover-ifb0', 'type', 'ifb');
    const found = await everything();
    expect(errorCode(await rig.call('PUT', '/v1/leases/a', lease(140, 40)))).toBe('qdisc-foreign');
    expect(await everything()).toBe(found);
    await rig.ip('link', 'del', 'dev', 'drover-ifb0');
  });
});
