import type { ClassRates } from 'drover-hostd/contract';
import { describe, expect, it } from 'vitest';
import type { LinkReservation, Priority } from '../../../../plugin/contract.ts';
import { checkPlan } from '../../../../plugin/controller/plan/check.ts';
import { type Action, plan, type World } from '../../../../plugin/controller/plan/plan.ts';
import { flying, host, NOW, queued, seedPolicy, vm, world } from './worlds.ts';

/** A right plan of a world where everything may start, with something in it made wrong. */
function spoiled(w: World, spoil: (actions: Action[]) => Action[]): string[] {
  const actions = plan(w);
  expect(checkPlan(w, actions)).toEqual([]);
  return checkPlan(w, spoil(structuredClone(actions)));
}

function startsOf(w: World): Action[] {
  return plan({ ...w, inFlight: [], hosts: world({ queue: w.queue }).hosts });
}

/** The same actions, with the starts that another world would have given. */
function forced(w: World, from: World = w): string[] {
  const starts = startsOf(from).filter(({ kind }) => kind === 'start');
  return spoiled(w, (actions) => [
    ...actions.filter(({ id, kind }) => kind === 'adjust' || !starts.some((start) => start.id === id)),
    ...starts,
  ]);
}

const one = world({ queue: [queued(1)] });
const high = queued(1, { priority: 'high' });

describe('checkPlan finds', () => {
  it('an answer that is missing, double, unknown or to nothing', () => {
    expect(spoiled(one, () => [])).toEqual(['1: has 0 answers']);
    expect(spoiled(one, (a) => [...a, ...a])).toEqual(['1: has 2 answers']);
    expect(
      spoiled(one, (a) => [
        ...a,
        { kind: 'hold', id: 7, untilMs: null, reason: { code: '', text: '' }, warning: null },
      ]),
    ).toHaveLength(1);
    const nothing = { sourceTx: null, destinationRx: null };
    expect(spoiled(one, (a) => [...a, { kind: 'adjust', id: 7, reservation: nothing }])).toHaveLength(1);
  });

  it('a pass without need, and a decision where nothing is known', () => {
    const reason = { code: '', text: '' };
    expect(spoiled(one, () => [{ kind: 'pass', id: 1, reason }])).toEqual(['1: is passed on without need']);
    expect(checkPlan({ ...one, policy: null }, plan(one))).toEqual(['1: must be passed on']);
    expect(checkPlan({ ...one, hosts: new Map() }, plan(one))).toEqual(['1: must be passed on']);
  });

  it('a start inside the batch window', () => {
    const w = world({ queue: [queued(1, { receivedAtMs: NOW - 500 })] });
    expect(checkPlan(w, plan(one))).toEqual(['1: starts inside its batch window']);
  });

  it('a lower group beside a higher one that runs or waits', () => {
    const low = queued(2, { priority: 'low' });
    expect(forced(world({ queue: [low], inFlight: [flying(9, { priority: 'high' })] }))).toEqual([
      '2: starts on a link that 9 of a higher group uses',
    ]);
    const waits = world({
      queue: [queued(1, { priority: 'high', receivedAtMs: NOW - 10 }), { ...low, receivedAtMs: NOW - 1005 }],
    });
    const lowOnly = world({ queue: [low] });
    const apart = {
      ...waits,
      queue: [{ ...(waits.queue[0] as typeof low), receivedAtMs: NOW + 10 }, waits.queue[1] as typeof low],
    };
    expect(forced(apart, lowOnly)).toContain('2: starts on a link that 1 of a higher group waits for');
  });

  it('a serial one beside another, whichever of them is serial', () => {
    expect(forced(world({ queue: [queued(1)], inFlight: [flying(9, { strategy: 'serial' })] }))).toEqual([
      '1: runs beside 9, one of them serial',
    ]);
    const busy = { 'compute-1': host('compute-1', { tx: 400e6, vms: [vm(1), vm(2)] }), 'compute-2': host('compute-2') };
    const both = world({ queue: [queued(1), queued(2)], hosts: busy });
    const second = plan(world({ queue: [queued(2)], hosts: busy }));
    const broken = spoiled(both, (a) => [...a.filter(({ id }) => id !== 2), ...second]);
    expect(broken).toContain('1: runs beside 2, one of them serial');
  });

  it('too many for Nova or for a link, and two of one VM', () => {
    const limited = {
      'compute-1': host('compute-1', { vms: [vm(1)], info: { maxConcurrentLiveMigrations: 2 } }),
      'compute-2': host('compute-2'),
    };
    const leaving = [flying(8, { destination: 'compute-3' }), flying(9, { destination: 'compute-4' })];
    expect(forced(world({ queue: [queued(1)], hosts: limited, inFlight: leaving }))).toEqual([
      '1: 3 leave compute-1, Nova runs 2',
    ]);
    const policy = seedPolicy({ caps: { parallelPerLink: 1 } });
    expect(forced(world({ queue: [queued(1)], policy, inFlight: [flying(9, { source: 'compute-3' })] }), one)).toEqual([
      '1: above the cap of a link',
    ]);
    const twin = { ...flying(9, { source: 'compute-3', destination: 'compute-4' }), vmUuid: high.vmUuid };
    expect(forced(world({ queue: [queued(1)], inFlight: [twin] }))).toEqual(['1: its VM is being migrated by 9']);
  });

  it.each<[string, Partial<World>, string]>([
    [
      'not permitted',
      {
        hosts: new Map([
          ['compute-1', host('compute-1', { vms: [vm(1)] })],
          ['compute-2', host('compute-2', { info: { postCopy: { permitted: false, reason: '' } } })],
        ]),
      },
      'not permitted on compute-2',
    ],
    [
      'after a lost link',
      {
        hosts: new Map([
          ['compute-1', host('compute-1', { vms: [vm(1)], linkLostAtMs: NOW - 1000 })],
          ['compute-2', host('compute-2')],
        ]),
      },
      'the link of compute-1 was lost',
    ],
    [
      'with a device in the way',
      {
        hosts: new Map([
          ['compute-1', host('compute-1', { vms: [vm(1, { postCopyBlockers: ['VFIO'] })] })],
          ['compute-2', host('compute-2')],
        ]),
      },
      'of a guest that cannot',
    ],
    ['of a paused guest', { queue: [queued(1, { paused: true })] }, 'paused guest'],
    [
      'of a marked guest',
      { queue: [{ ...queued(1), server: { ...queued(1).server, metadata: { 'drover:postcopy': 'never' } } }] },
      'is forbidden',
    ],
  ])('post-copy %s', (_, change, text) => {
    const w = { ...one, ...change };
    const broken = spoiled(w, (a) =>
      a.map((action) =>
        action.kind === 'start' ? { ...action, decision: { ...action.decision, technique: 'post-copy' } } : action,
      ),
    );
    expect(broken).toEqual([expect.stringContaining(text)]);
  });

  it('reservations that guarantee too much, nothing, or not what the priority promises', () => {
    type Spoil = (link: LinkReservation) => { migration?: Partial<ClassRates>; workload?: Partial<ClassRates> };
    const cases: [Priority, Spoil, string][] = [
      [
        'high',
        ({ migration: m }) => ({ migration: { rateBitsPerSecond: m.rateBitsPerSecond + 1 } }),
        '1: guarantees too much',
      ],
      ['high', () => ({ migration: { rateBitsPerSecond: 0 } }), '1: guarantees nothing'],
      [
        'high',
        ({ workload: w }) => ({ workload: { ceilBitsPerSecond: w.ceilBitsPerSecond + 1 } }),
        '1: a ceiling above the link',
      ],
      [
        'high',
        ({ workload: w }) => ({ workload: { rateBitsPerSecond: w.rateBitsPerSecond / 2 } }),
        '1: the workload has less than lower',
      ],
      ['medium', () => ({ migration: { prio: 3 } }), '1: medium, but the migration does not come first'],
      [
        'low',
        ({ migration: m }) => ({ migration: { rateBitsPerSecond: m.rateBitsPerSecond / 2 } }),
        '1: below the floor',
      ],
      ['low', () => ({ workload: { prio: 3 } }), '1: low, but the workload does not come first'],
    ];
    for (const [priority, spoil, text] of cases) {
      const w = world({ queue: [queued(1, { priority })] });
      const broken = spoiled(w, (actions) =>
        actions.map((action) => {
          const link = action.kind === 'start' ? action.decision.reservation.destinationRx : null;
          if (action.kind !== 'start' || !link) return action;
          const { migration, workload } = spoil(link);
          const destinationRx = {
            migration: { ...link.migration, ...migration },
            workload: { ...link.workload, ...workload },
          };
          const reservation = { ...action.decision.reservation, destinationRx };
          return { ...action, decision: { ...action.decision, reservation } };
        }),
      );
      expect(broken).toEqual([text]);
    }
  });

  it('one that waits for nothing', () => {
    expect(
      spoiled(one, () => [{ kind: 'hold', id: 1, untilMs: null, reason: { code: '', text: '' }, warning: null }]),
    ).toEqual(['1: waits for nothing']);
  });
});
