import { describe, expect, it } from 'vitest';
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { type Action, contentionLevels, plan, type World } from '../../../../plugin/controller/plan/plan.ts';
import { flying, host, NOW, queued, SHAPEABLE, seedPolicy, vm, world } from './worlds.ts';

/** `3 start`, `1 hold higher-waits`: the plan in short, after the independent check. */
function course(w: World): string[] {
  const actions = plan(w);
  expect(checkPlan(w, actions)).toEqual([]);
  return actions.map((action) => `${action.id} ${action.kind}${'reason' in action ? ` ${action.reason.code}` : ''}`);
}

function started(w: World, id: number) {
  const action = plan(w).find((one) => one.id === id);
  if (action?.kind !== 'start') throw new Error(`${id} does not start: ${JSON.stringify(action)}`);
  return action.decision;
}

const loaded = { tx: 400e6, rx: 0 };

describe('plan: order', () => {
  it('starts high, medium, low one after another on a shared link, asked in the order low, medium, high', () => {
    const queue = [
      queued(1, { priority: 'low', receivedAtMs: NOW - 1000 }),
      queued(2, { priority: 'medium', receivedAtMs: NOW - 900 }),
      queued(3, { priority: 'high', receivedAtMs: NOW - 100 }),
    ];
    expect(course(world({ queue }))).toEqual(['3 start', '2 hold higher-runs', '1 hold higher-runs']);
    const [low, medium] = [queue[0], queue[1]] as [World['queue'][0], World['queue'][0]];
    const next = world({ queue: [low, medium], inFlight: [flying(3, { priority: 'high' })] });
    expect(course(next)).toEqual(['3 adjust', '2 hold higher-runs', '1 hold higher-runs']);
    expect(course(world({ queue: [low, medium] }))).toEqual(['2 start', '1 hold higher-runs']);
    expect(course(world({ queue: [low] }))).toEqual(['1 start']);
  });

  it('does not keep a lower group from links that no higher one wants', () => {
    const hosts = Object.fromEntries(
      [1, 2, 3, 4].map((n) => [`compute-${n}`, host(`compute-${n}`, { vms: [vm(1), vm(2)] })]),
    );
    const queue = [
      queued(1, { priority: 'high', source: 'compute-1', destination: 'compute-2' }),
      queued(2, { priority: 'low', source: 'compute-3', destination: 'compute-4' }),
    ];
    expect(course(world({ queue, hosts }))).toEqual(['1 start', '2 start']);
    const back = [
      queue[0],
      queued(2, { priority: 'low', source: 'compute-2', destination: 'compute-1' }),
    ] as World['queue'];
    expect(course(world({ queue: back, hosts }))).toEqual(['1 start', '2 start']);
  });

  it('lets high start beside a low one that runs: its bandwidth is taken, not waited for', () => {
    const inFlight = [flying(9, { priority: 'low', strategy: 'serial' })];
    expect(course(world({ queue: [queued(1, { priority: 'high' })], inFlight }))).toContain('1 start');
  });

  it('takes the shorter of two before the one that came earlier, in one group', () => {
    const small = queued(2, { receivedAtMs: NOW - 1500, priority: 'low' });
    const large = queued(1, {
      priority: 'low',
      server: { ...queued(1).server, memoryBytes: 64e9, metadata: { 'drover:priority': 'low' } },
    });
    const hosts = {
      'compute-1': host('compute-1', { ...loaded, vms: [vm(1, { memoryBytes: 64e9 }), vm(2)] }),
      'compute-2': host('compute-2'),
    };
    expect(course(world({ queue: [large, small], hosts }))).toEqual(['2 start', '1 hold serial-busy']);
  });

  it('puts one that waited longer than maxWait before all groups, and keeps its links for it', () => {
    const waited = { priority: 'low' as const, receivedAtMs: NOW - 30 * 60_000 };
    const queue = [queued(1, waited), queued(2, { priority: 'high' })];
    const hosts = {
      'compute-1': host('compute-1', { ...loaded, vms: [vm(1), vm(2)] }),
      'compute-2': host('compute-2'),
    };
    expect(started(world({ queue, hosts }), 1).reasons.at(-1)?.code).toBe('aged');
    const inFlight = [flying(9, { priority: 'high' })];
    expect(course(world({ queue, hosts, inFlight }))).toEqual([
      '9 adjust',
      '1 hold serial-busy',
      '2 hold higher-waits',
    ]);
  });
});

describe('plan: serial and parallel', () => {
  const queue = [queued(1, { priority: 'medium' }), queued(2, { priority: 'medium', receivedAtMs: NOW - 1900 })];

  it('starts a parallel group together', () => {
    expect(course(world({ queue }))).toEqual(['1 start', '2 start']);
  });

  it('starts a serial group one at a time among those that share a link', () => {
    const vms = [vm(1), vm(2), vm(3)];
    const hosts = {
      'compute-1': host('compute-1', { ...loaded, vms }),
      'compute-2': host('compute-2'),
      'compute-3': host('compute-3', { ...loaded, vms }),
      'compute-4': host('compute-4'),
    };
    const elsewhere = queued(3, { source: 'compute-3', destination: 'compute-4', receivedAtMs: NOW - 1800 });
    expect(course(world({ queue: [...queue, elsewhere], hosts }))).toEqual([
      '1 start',
      '2 hold serial-busy',
      '3 start',
    ]);
  });

  it('waits, if serial, for one of its group that runs, and keeps the group waiting if that one is serial', () => {
    const hosts = { 'compute-1': host('compute-1', { ...loaded, vms: [vm(1)] }), 'compute-2': host('compute-2') };
    const one = queue.slice(0, 1);
    expect(course(world({ queue: one, hosts, inFlight: [flying(9)] }))).toContain('1 hold serial-busy');
    expect(course(world({ queue: one, inFlight: [flying(9, { strategy: 'serial' })] }))).toContain(
      '1 hold serial-busy',
    );
    expect(
      course(
        world({
          queue: one,
          inFlight: [flying(9, { strategy: 'serial', source: 'compute-2', destination: 'compute-1' })],
        }),
      ),
    ).toContain('1 start');
  });

  it("keeps to Nova's own limit on the source and says when it makes a gang serial", () => {
    const info = { maxConcurrentLiveMigrations: 1 };
    const hosts = { 'compute-1': host('compute-1', { vms: [vm(1), vm(2)], info }), 'compute-2': host('compute-2') };
    expect(course(world({ queue, hosts }))).toEqual(['1 start', '2 hold nova-limit']);
    expect(started(world({ queue, hosts }), 1).reasons.map(({ code }) => code)).toContain('gang-made-serial');
    const passedOn = flying(9, { destination: 'compute-3', decision: null });
    expect(course(world({ queue, hosts, inFlight: [passedOn] }))).toEqual(['1 hold nova-limit', '2 hold nova-limit']);
  });

  it("keeps to the policy's cap on either link", () => {
    const inFlight = [5, 6, 7, 8].map((id) => flying(id, { source: `compute-${id}` }));
    expect(course(world({ queue, inFlight }))).toEqual(expect.arrayContaining(['1 hold link-cap', '2 hold link-cap']));
    expect(course(world({ queue, inFlight: inFlight.slice(1) }))).toEqual(
      expect.arrayContaining(['1 start', '2 hold link-cap']),
    );
  });

  it('holds a second request for a VM that is on its way', () => {
    const again = queued(1, { destination: 'compute-3' });
    expect(course(world({ queue: [again], inFlight: [{ ...flying(9), vmUuid: again.vmUuid }] }))).toContain(
      '1 hold vm-busy',
    );
  });
});

describe('plan: batch window', () => {
  it('holds a single request to the end of its window, to the millisecond, and names that time', () => {
    const queue = [queued(1, { receivedAtMs: NOW - 999 })];
    expect(plan(world({ queue }))).toMatchObject([
      { kind: 'hold', untilMs: NOW + 1, reason: { code: 'batch-window' } },
    ]);
    expect(course(world({ queue: [queued(1, { receivedAtMs: NOW - 1000 })] }))).toEqual(['1 start']);
  });

  it('decides what arrived in the window of the first with it, and what came later on its own', () => {
    const at = (ms: number) => ({ receivedAtMs: NOW - ms });
    const queue = [queued(1, at(1000)), queued(2, at(1)), queued(3, at(0))];
    expect(course(world({ queue }))).toEqual(['1 start', '2 start', '3 start']);
    const next = [queued(2, at(999)), queued(3, at(500))];
    expect(plan(world({ queue: next })).map((action) => action.kind === 'hold' && action.untilMs)).toEqual([
      NOW + 1,
      NOW + 1,
    ]);
  });
});

describe('plan: a batch of which one is still being admitted', () => {
  const queue = [queued(1, { receivedAtMs: NOW - 1000 })];
  const held = (arriving: number[], received = NOW - 1000) =>
    plan(world({ queue: [queued(1, { receivedAtMs: received })], arriving })).map(
      (action) => action.kind === 'hold' && action.untilMs,
    );

  it.each([
    ['arrived after it', NOW - 600],
    ['arrived before it', NOW - 1700],
  ])('waits for one that %s, a second at most', (_, arrivedAtMs) => {
    expect(held([arrivedAtMs])).toEqual([NOW + 1000]);
    expect(held([arrivedAtMs - 1000], NOW - 2000)).toEqual([false]);
  });

  it('does not wait for one of another batch', () => {
    expect(held([NOW + 1, NOW - 2100])).toEqual([false]);
    expect(course(world({ queue }))).toEqual(['1 start']);
  });
});

describe('plan: what is not known', () => {
  const queue = [queued(1)];
  const source = () => host('compute-1', { vms: [vm(1)] });

  it.each([
    ['without a policy', { policy: null }, 'no-policy'],
    ['without any host', { hosts: {} }, 'no-hostd'],
    ['where no hostd answered for long', { hosts: silentFor(11_000) }, 'no-hostd'],
    [
      'never measured',
      { hosts: { 'compute-1': { ...source(), sample: null }, 'compute-2': { ...source(), info: null } } },
      'no-hostd',
    ],
  ])('%s: to Nova unchanged', (_, change, code) => {
    expect(course(world({ queue, ...change }))).toEqual([`1 pass ${code}`]);
  });

  function silentFor(ageMs: number) {
    return Object.fromEntries(
      ['compute-1', 'compute-2'].map((n) => [n, host(n, { ageMs, reachable: false, vms: [vm(1)] })]),
    );
  }

  it('does not decide for hosts that no longer answer, however fresh their samples: to Nova unchanged', () => {
    expect(course(world({ queue, hosts: silentFor(0) }))).toEqual(['1 pass no-hostd']);
  });

  it('falls back to the stale rule where one side is old, silent or lacks the VM, and says which', () => {
    const cases: [World['hosts'] | Record<string, ReturnType<typeof host>>, string][] = [
      [{ 'compute-1': source(), 'compute-2': host('compute-2', { ageMs: 10_001 }) }, 'compute-2 is 10.0 s old'],
      [{ 'compute-1': source() }, 'no sample of compute-2'],
      [{ 'compute-1': host('compute-1'), 'compute-2': host('compute-2') }, 'VM is not in the sample'],
    ];
    for (const [hosts, text] of cases) {
      const decision = started(world({ queue, hosts: hosts as Record<string, ReturnType<typeof host>> }), 1);
      expect(decision).toMatchObject({ classification: null, technique: 'pre-copy', strategy: 'serial' });
      expect(decision.reasons[0]).toMatchObject({ code: 'stale', text: expect.stringContaining(text) });
      const rejected = [
        ...decision.alternatives.map(({ technique, reason }) => [technique, reason.code]),
        ...decision.strategyAlternatives.map(({ strategy, reason }) => [strategy, reason.code]),
      ];
      expect(rejected).toEqual([
        ['post-copy', 'stale'],
        ['hybrid-copy', 'stale'],
        ['parallel', 'stale'],
      ]);
    }
  });

  it('gates the stale rule too', () => {
    const policy = seedPolicy({ stale: { technique: 'hybrid-copy', strategy: 'serial', maxAgeMs: 10_000 } });
    const hosts = {
      'compute-1': host('compute-1', {
        vms: [vm(1)],
        ageMs: 20_000,
        info: { postCopy: { permitted: false, reason: 'nova.conf' } },
      }),
      'compute-2': host('compute-2'),
    };
    const decision = started(world({ queue, hosts, policy }), 1);
    expect(decision.technique).toBe('pre-copy');
    expect(decision.reasons.map(({ code }) => code)).toContain('post-copy-not-permitted');
    expect(decision.alternatives.map(({ technique, reason }) => [technique, reason.code])).toEqual([
      ['hybrid-copy', 'post-copy-not-permitted'],
      ['post-copy', 'stale'],
    ]);
  });

  it('reserves on the side that has a hostd only, and says why on both', () => {
    const { reservation, reservationChoices } = started(world({ queue, hosts: { 'compute-1': source() } }), 1);
    expect(reservation.sourceTx).not.toBeNull();
    expect(reservation.destinationRx).toBeNull();
    expect(reservationChoices.sourceTx).toMatchObject({ reason: { code: 'workload-lower' } });
    expect(reservationChoices.sourceTx?.alternatives.map(({ priority }) => priority)).toEqual(['high', 'low']);
    expect(reservationChoices.destinationRx).toEqual({
      reason: { code: 'no-hostd', text: 'nothing is reserved on compute-2: no hostd answers there' },
      alternatives: [],
    });
  });

  it('counts an unknown destination for the source link only, and reserves the other once it is known', () => {
    const open = queued(1, { destination: null });
    const decision = started(world({ queue: [open] }), 1);
    expect(decision.reservation.destinationRx).toBeNull();
    expect(decision.reasons[0]?.code).toBe('destination-unknown');
    const inFlight = [{ ...open, destination: 'compute-2', decision }];
    const [adjust] = plan(world({ inFlight })) as [Extract<Action, { kind: 'adjust' }>];
    expect(adjust).toMatchObject({ kind: 'adjust', id: 1, reservation: { sourceTx: decision.reservation.sourceTx } });
    expect(adjust.reservation.destinationRx).not.toBeNull();
    const settled = { ...decision, reservation: adjust.reservation };
    expect(plan(world({ inFlight: [{ ...open, destination: 'compute-2', decision: settled }] }))).toEqual([]);
  });
});

describe('plan: reservation', () => {
  it('high under saturating workload: lower for the workload, the rest for migration, on both links', () => {
    const hosts = {
      'compute-1': host('compute-1', { tx: 480e6, vms: [vm(1)] }),
      'compute-2': host('compute-2', { rx: 480e6 }),
    };
    const { reservation, maxDowntimeMs } = started(world({ queue: [queued(1, { priority: 'high' })], hosts }), 1);
    const wanted = {
      migration: { rateBitsPerSecond: 0.8 * SHAPEABLE },
      workload: { rateBitsPerSecond: 0.2 * SHAPEABLE },
    };
    expect(reservation).toMatchObject({ sourceTx: wanted, destinationRx: wanted });
    // A switch is to come: a larger limit would let the guest converge before it.
    expect(maxDowntimeMs).toBe(20);
  });

  it("gives a pre-copy the policy's whole downtime budget", () => {
    expect(started(world({ queue: [queued(1)] }), 1)).toMatchObject({ technique: 'pre-copy', maxDowntimeMs: 300 });
  });

  it("takes a host's own limits before the default", () => {
    const mbit = (n: number) => ({ kind: 'rate' as const, bitsPerSecond: n * 1e6 });
    const limits = { ...seedPolicy().limits, hosts: { 'compute-2': { lower: mbit(100), upper: mbit(300) } } };
    const { reservation } = started(
      world({ queue: [queued(1, { priority: 'high' })], policy: seedPolicy({ limits }) }),
      1,
    );
    expect(reservation.sourceTx?.workload.rateBitsPerSecond).toBe(0.2 * SHAPEABLE);
    expect(reservation.destinationRx?.workload.rateBitsPerSecond).toBe(100e6);
  });

  it('medium follows its workload while it runs, and leaves well alone', () => {
    const decision = started(world({ queue: [queued(1, { priority: 'medium' })] }), 1);
    const inFlight = [{ ...queued(1), decision }];
    expect(plan(world({ inFlight }))).toEqual([]);
    // The workload fills the 96 Mbit/s that it is guaranteed: it may want all up to upper.
    const source = host('compute-1', { tx: 95e6, reserved: { tx: decision.reservation.sourceTx } });
    const hosts = { 'compute-1': source, 'compute-2': host('compute-2') };
    const [adjust] = plan(world({ inFlight, hosts })) as [Extract<Action, { kind: 'adjust' }>];
    expect(adjust.reservation.sourceTx?.workload.rateBitsPerSecond).toBe(0.6 * SHAPEABLE);
    expect(adjust.reservation.destinationRx).toEqual(decision.reservation.destinationRx);
  });
});

describe('contentionLevels', () => {
  it('carries the hysteresis from plan to plan, through samples that are too old', () => {
    const levels = (tx: number, previousContention: World['previousContention'], ageMs = 0) =>
      contentionLevels(world({ hosts: { 'compute-1': host('compute-1', { tx, ageMs }) }, previousContention }));
    const first = levels(350e6, new Map());
    expect(Object.fromEntries(first)).toEqual({ 'compute-1 tx': 'high', 'compute-1 rx': 'low' });
    const second = levels(330e6, first);
    expect(second.get('compute-1 tx')).toBe('high');
    expect(levels(0, second, 20_000).get('compute-1 tx')).toBe('high');
    expect(levels(320e6, second).get('compute-1 tx')).toBe('moderate');
  });
});

describe('plan: what the policy adds', () => {
  const at = (iso: string) => Date.parse(iso);
  const night = { fromMinute: 22 * 60, toMinute: 6 * 60, days: [0, 1, 2, 3, 4, 5, 6], timeZone: 'Europe/Berlin' };
  const atNight = seedPolicy({ windows: [{ priority: ['low'], ...night }] });

  function later(nowMs: number, queue: World['queue']): World {
    const base = world({ nowMs, queue, policy: atNight });
    return { ...base, hosts: new Map([...base.hosts].map(([name, h]) => [name, { ...h, sampleAtMs: nowMs - 100 }])) };
  }

  it('keeps low priority for the night, until its window opens, and nobody waits for it', () => {
    const noon = at('2026-11-24T11:00:00Z');
    const low = queued(1, { priority: 'low', receivedAtMs: noon - 3_000_000 });
    const w = later(noon, [low, queued(2, { receivedAtMs: noon - 2000 })]);
    expect(course(w)).toEqual(['2 start', '1 hold window']);
    expect(plan(w).at(-1)).toMatchObject({ untilMs: at('2026-11-24T21:00:00Z') });
    expect(course(later(at('2026-11-24T21:00:00Z'), [low]))).toEqual(['1 start']);
  });

  it('counts ageing from the opening of the window: what waited all day does not overtake what is urgent', () => {
    const evening = at('2026-11-24T21:00:10Z');
    const low = queued(1, { priority: 'low', receivedAtMs: evening - 36_000_000 });
    const high = queued(2, { priority: 'high', receivedAtMs: evening - 2000 });
    expect(course(later(evening, [low, high]))).toEqual(['2 start', '1 hold higher-runs']);
    expect(course(later(evening + atNight.maxWaitMs, [low, { ...high, receivedAtMs: evening + 1000 }]))[0]).toBe(
      '1 start',
    );
  });

  it.each([
    ['source-cap', { perSource: 1 }, { source: 'compute-1', destination: 'compute-3' }],
    ['destination-cap', { perDestination: 1 }, { source: 'compute-3', destination: 'compute-2' }],
    ['cluster-cap', { clusterWide: 1 }, { source: 'compute-3', destination: 'compute-4' }],
  ])('holds with %s what would be one too many', (code, caps, places) => {
    const hosts = Object.fromEntries(
      [1, 2, 3, 4].map((n) => [`compute-${n}`, host(`compute-${n}`, { vms: [vm(1), vm(2)] })]),
    );
    const queue = [queued(1), queued(2, places)];
    const policy = seedPolicy({ caps: { parallelPerLink: 4, ...caps } });
    expect(course(world({ queue, hosts, policy }))).toEqual(['1 start', `2 hold ${code}`]);
    expect(course(world({ queue, hosts }))).toEqual(['1 start', '2 start']);
  });

  it('orders a group by the keys of the policy', () => {
    const serial = seedPolicy({
      strategy: [{ priority: ['high', 'medium', 'low'], contention: ['low', 'moderate', 'high'], strategy: 'serial' }],
    });
    const large = queued(1, { server: { ...queued(1).server, memoryBytes: 8e9 }, receivedAtMs: NOW - 3000 });
    const queue = [
      large,
      queued(2, { receivedAtMs: NOW - 2000 }),
      queued(3, { deadlineAtMs: NOW + 60_000, receivedAtMs: NOW - 1500 }),
    ];
    const vms = [vm(1, { memoryBytes: 8e9 }), vm(2), vm(3)];
    const hosts = { 'compute-1': host('compute-1', { vms }), 'compute-2': host('compute-2') };
    const first = (order: typeof serial.order) => course(world({ queue, hosts, policy: { ...serial, order } }))[0];
    expect(first(['deadline', 'predicted', 'arrival'])).toBe('3 start');
    expect(first(['predicted', 'arrival'])).toBe('2 start');
    expect(first(['arrival'])).toBe('1 start');
  });

  it('takes the default deadline of the priority where a migration has none', () => {
    const policy = seedPolicy({
      strategy: [{ priority: ['high', 'medium', 'low'], contention: ['low', 'moderate', 'high'], strategy: 'serial' }],
      order: ['deadline', 'predicted'],
      deadlines: { defaultMs: { high: null, medium: 60_000, low: null }, maxMs: null, admission: 'accept' },
    });
    const queue = [queued(1, { deadlineAtMs: NOW + 120_000, receivedAtMs: NOW - 3000 }), queued(2)];
    expect(course(world({ queue, policy }))[0]).toBe('2 start');
  });

  it('holds back post-copy from small guests and from servers that the policy names', () => {
    const busy = {
      'compute-1': host('compute-1', { tx: 400e6, vms: [vm(1, { txBitsPerSecond: 300e6 })] }),
      'compute-2': host('compute-2'),
    };
    const queue = [queued(1, { priority: 'high' })];
    const gate = seedPolicy().postCopyGate;
    const under = (change: Partial<typeof gate>) => {
      const w = world({ queue, hosts: busy, policy: seedPolicy({ postCopyGate: { ...gate, ...change } }) });
      expect(checkPlan(w, plan(w))).toEqual([]);
      return started(w, 1);
    };
    expect(under({}).technique).toBe('hybrid-copy');
    const small = under({ minMemoryBytes: 200e6 });
    expect([small.technique, small.reasons.map(({ code }) => code)]).toEqual([
      'pre-copy',
      expect.arrayContaining(['memory-small']),
    ]);
    const named = under({ never: [{ host: ['compute-*'], name: ['vm-1'] }] });
    expect([named.technique, named.alternatives[0]?.reason.code]).toEqual(['pre-copy', 'post-copy-never']);
    expect(under({ never: [{ host: ['compute-2'] }] }).technique).toBe('hybrid-copy');
  });

  it('takes the limits of the NIC, of the host, of the NIC of the host, the nearest first', () => {
    const mbit = (n: number) => ({ kind: 'rate' as const, bitsPerSecond: n * 1e6 });
    const pair = (lower: number) => ({ lower: mbit(lower), upper: mbit(lower + 100) });
    const limits = { default: pair(10), nics: { nic0: pair(20) }, hosts: {} };
    const lowerUnder = (hosts: object) => {
      const policy = seedPolicy({ limits: { ...limits, hosts: hosts as typeof limits.hosts } });
      return started(world({ queue: [queued(1, { priority: 'high' })], policy }), 1).reservation.sourceTx?.workload
        .rateBitsPerSecond;
    };
    expect(lowerUnder({})).toBe(20e6);
    expect(lowerUnder({ 'compute-1': pair(30) })).toBe(30e6);
    expect(lowerUnder({ 'compute-1': { ...pair(30), nics: { nic0: pair(40) } } })).toBe(40e6);
    expect(lowerUnder({ 'compute-1': { nics: { nic1: pair(40) } } })).toBe(20e6);
  });
});
