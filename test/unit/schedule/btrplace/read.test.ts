import { describe, expect, it } from 'vitest';
import { readBtrplace } from '../../../../plugin/schedule/btrplace/read.ts';
import { scaleInstance, smallPlan } from '../../../bench/plan/generate.ts';

const read = (value: unknown) => readBtrplace(JSON.stringify(value), null);
const vms = { '1': { memUsed: 2000 }, '2': { memUsed: 4000, hotDirtySize: 5, hotDirtyDuration: 3, coldDirtyRate: 0 } };
const mapping = { onlineNodes: { '0': { runningVMs: [1, 2] }, '7': { runningVMs: [] } } };
const fence = (vm: number, ...nodes: number[]) => ({ id: 'fence', vm, nodes });
const link = (type: string, id: number, at: number, capacity: number) => ({
  capacity,
  switch: at,
  physicalElement: { id, type },
});

describe('readBtrplace', () => {
  it('takes an instance with nothing but a mapping, memory and fences', () => {
    const { instance, nodes, notes } = read({
      model: { mapping, attributes: { vms } },
      constraints: [fence(1, 7), fence(2, 7)],
    });
    expect(nodes).toEqual([0, 7]);
    expect(
      instance.moves.map(({ vm, from, to, mbitPerSecond, durationSeconds }) => [
        vm,
        from,
        to,
        mbitPerSecond,
        durationSeconds,
      ]),
    ).toEqual([
      [1, 0, 1, 1000, 18],
      [2, 0, 1, 1000, 36],
    ]);
    expect(notes).toHaveLength(1);
  });

  it('follows the links of the network, both ways apart, and leaves out what blocks nothing', () => {
    const views = [
      {
        id: 'net',
        switches: [{ id: 0, capacity: -1 }, { id: 1, capacity: 800 }, { id: 2 }],
        links: [link('node', 0, 0, 1000), link('node', 7, 1, -1), link('switch', 0, 2, 500), link('switch', 1, 2, 900)],
      },
    ];
    const { instance } = read({ model: { mapping, attributes: { vms }, views }, constraints: [fence(1, 7)] });
    const [move] = instance.moves;
    expect(move?.mbitPerSecond).toBe(500);
    expect(
      move?.uses.map(({ link: at, amount }) => [instance.links[at]?.name, instance.links[at]?.capacity, amount]),
    ).toEqual([
      ['node 0 up', 1000, 500],
      ['switch 0', Number.POSITIVE_INFINITY, 500],
      ['switch 0 up', 500, 500],
      ['switch 2', Number.POSITIVE_INFINITY, 500],
      ['switch 1 down', 900, 500],
      ['switch 1', 800, 500],
      ['node 7 down', Number.POSITIVE_INFINITY, 500],
    ]);
  });

  it('gives a node without a link a NIC of its own, and says so', () => {
    const views = [{ id: 'net', switches: [{ id: 0 }], links: [link('node', 0, 0, 200)] }];
    const { instance, notes } = read({ model: { mapping, attributes: { vms }, views }, constraints: [fence(1, 7)] });
    expect(instance.moves[0]?.mbitPerSecond).toBe(200);
    expect(instance.links.at(-1)).toEqual({ name: 'node 7 down', capacity: 1000 });
    expect(notes.join()).toContain('no link between node 0 and node 7');
  });

  it('leaves a VM where its fence lets it be, and takes its memory from the view if no attribute gives it', () => {
    const views = [{ id: 'shareableResource', rcId: 'mem', defCapacity: 16, vms: { '1': 2 } }];
    const { instance } = read({ model: { mapping, views }, constraints: [fence(1, 7), fence(2, 7, 0)] });
    expect(instance.moves.map(({ vm, durationSeconds }) => [vm, durationSeconds])).toEqual([[1, 18]]);
    expect(instance.hosts.map(({ capacity, used }) => [capacity, used])).toEqual([
      [[16], [2]],
      [[16], [0]],
    ]);
  });

  it('boots hosts that are off and shuts down those that are to be', () => {
    const text = scaleInstance({ hostFactor: 1, vmFactor: 1, decommissioning: true, seed: 1 });
    const { instance } = readBtrplace(text, null);
    expect(instance.moves).toHaveLength(96);
    expect(instance.hosts.filter(({ bootSeconds }) => bootSeconds === 120)).toHaveLength(24);
    expect(instance.hosts.filter(({ shutdownSeconds }) => shutdownSeconds === 17)).toHaveLength(48);
  });

  it("keeps a plan's own lengths and bandwidths, and knows when it started them", () => {
    const { instance, publishedStarts } = readBtrplace(smallPlan(4), null);
    expect(instance.moves).toHaveLength(10);
    expect(publishedStarts?.[0]).toBe(0);
    expect(publishedStarts?.[1]).toBe(instance.moves[0]?.durationSeconds);
    expect(instance.links.map(({ capacity }) => capacity)).toEqual([500, 500, 500, 500, 1000, 1000, 1000, 1000]);
  });

  it('takes boots and shutdowns of a plan, and NICs as wide as what it sends at one time', () => {
    const migrate = (vm: number, start: number) => ({
      id: 'migrateVM',
      vm,
      from: 0,
      to: 7,
      bw: 300,
      start,
      end: start + 9,
    });
    const { instance } = read({
      origin: { mapping: { onlineNodes: { '0': { runningVMs: [1, 2] } }, offlineNodes: [7] } },
      actions: [
        { id: 'bootNode', node: 7, start: 0, end: 60 },
        migrate(1, 60),
        migrate(2, 65),
        { id: 'shutdownNode', node: 0, start: 74, end: 90 },
      ],
    });
    expect(instance.hosts.map(({ bootSeconds, shutdownSeconds }) => [bootSeconds, shutdownSeconds])).toEqual([
      [0, 16],
      [60, null],
    ]);
    expect(instance.links.map(({ capacity }) => capacity)).toEqual([600, 600, 600, 600]);
  });

  it('reads a file that begins with a byte order mark', () => {
    expect(readBtrplace(`\uFEFF${smallPlan(1)}`, null).instance.moves).toHaveLength(10);
  });

  it.each([
    ['{', 'not JSON'],
    ['[]', 'the file: '],
    ['{"model":{}}', 'model.mapping'],
    [JSON.stringify({ model: { mapping }, constraints: [fence(9, 7)] }), 'VM 9: it runs on no online node'],
    [JSON.stringify({ model: { mapping }, constraints: [fence(1, 5)] }), 'node 5, which the mapping does not have'],
    [JSON.stringify({ model: { mapping }, constraints: [fence(1, 7)] }), 'VM 1 has no attribute memUsed'],
    [JSON.stringify({ model: { mapping }, constraints: [fence(1, 7), fence(1, 7)] }), 'VM 1 has two fences'],
    [JSON.stringify({ model: { mapping }, constraints: [{ id: 'fence', vm: -1, nodes: [] }] }), 'constraints.0.vm'],
    [JSON.stringify({ model: { mapping }, constraints: [{ id: 'offline', node: 0 }] }), 'no fence elsewhere'],
    [
      JSON.stringify({
        model: { mapping, attributes: { vms } },
        constraints: [fence(1, 7), { id: 'offline', node: 7 }],
      }),
      'to be switched off',
    ],
    [
      JSON.stringify({ model: { mapping: { onlineNodes: { '0': { runningVMs: [1] }, '1': { runningVMs: [1] } } } } }),
      'VM 1 runs on node 0 and on node 1',
    ],
    [
      JSON.stringify({ origin: { mapping }, actions: [{ id: 'migrateVM', vm: 1, from: 7, to: 0, start: 0, end: 1 }] }),
      'VM 1 does not run on node 7',
    ],
    [
      JSON.stringify({ origin: { mapping }, actions: [{ id: 'migrateVM', vm: 1, from: 0, to: 7, start: 3, end: 2 }] }),
      'ends before it has started',
    ],
    [
      JSON.stringify({ origin: { mapping }, actions: [{ id: 'migrateVM', vm: 1, from: 0, to: 7, start: 3, end: 3 }] }),
      'actions.0: ends at the moment at which it starts',
    ],
    [
      JSON.stringify({ origin: { mapping }, actions: [{ id: 'bootNode', node: 1, start: 3, end: 2 }] }),
      'ends before it has started',
    ],
    [
      JSON.stringify({ model: { mapping, views: [{ id: 'net', switches: [], links: [link('node', 0, 0, 0)] }] } }),
      'model.views.0.links.0.capacity: is neither above 0 nor -1',
    ],
    [
      JSON.stringify({
        model: { mapping, views: [{ id: 'net', switches: [{ id: 3 }], links: [link('node', 0, 4, 9)] }] },
      }),
      'model.views.0.links.0: goes to switch 4',
    ],
    [
      JSON.stringify({ origin: { mapping }, actions: [{ id: 'migrateVM', vm: 1, from: 0, to: 0, start: 0, end: 1 }] }),
      'VM 1 is on node 0 already',
    ],
    [
      JSON.stringify({ origin: { mapping }, actions: [{ id: 'bootNode', node: 8, start: 0, end: 1 }] }),
      'node 8 is switched on or off',
    ],
    [
      JSON.stringify({ model: { mapping, attributes: { vms: { '1': { memUsed: 1e300 } } } } }),
      'model.attributes.vms.1.memUsed: Too big',
    ],
    [
      JSON.stringify({
        model: { mapping, attributes: { vms: { '1': { memUsed: 2000, hotDirtySize: 300, hotDirtyDuration: 1 } } } },
        constraints: [fence(1, 7)],
      }),
      'it never ends',
    ],
  ])('says what is wrong with %s', (text, message) => {
    expect(() => readBtrplace(text, null)).toThrow(message);
  });
});
