import { describe, expect, it } from 'vitest';
import { approversOf, type Deed, may } from '../../../../bot/rights/may.ts';
import { Rights } from '../../../../bot/rights/schema.ts';

const OPS = { user: 'UOPS', groups: ['SOPS'], elsewhere: null };
const LEAD = { user: 'ULEAD', groups: ['SOPS', 'SLEAD'], elsewhere: null };
const GUEST = { user: 'UGUEST', groups: [], elsewhere: null };

const rights = Rights.parse([
  { groups: ['SOPS'], priorities: ['low', 'medium'], projects: ['p1'], hosts: ['compute-*'] },
  { groups: ['SOPS'], priorities: ['high'], projects: ['p2'] },
  { groups: ['SLEAD'], priorities: ['low', 'medium', 'high'], drain: true, others: true, approve: true },
]);

const move = { vm: 'web-1', projectId: 'p1', source: 'compute-1', destination: null };
const ask = (changes: object = {}): Deed => ({ act: 'ask', priority: 'low', moves: [move], ...changes });
const is = (who: typeof OPS, deed: Deed) => may(rights, who, deed).allowed;

describe('rights', () => {
  it('nobody may do what no entry allows, and the answer says who could', () => {
    expect(may([], OPS, { act: 'look' })).toMatchObject({ allowed: false, who: { users: [], groups: [] } });
    expect(is(GUEST, { act: 'look' })).toBe(false);
    expect(may(rights, GUEST, ask())).toMatchObject({
      allowed: false,
      text: 'you may not ask for low for web-1 (project p1, on compute-1)',
      who: { groups: ['SOPS', 'SLEAD'] },
    });
  });

  it('one entry must allow all of it: high in one project and low in another do not make high in the other', () => {
    expect(is(OPS, ask())).toBe(true);
    expect(is(OPS, ask({ priority: 'high' }))).toBe(false);
    expect(is(OPS, ask({ priority: 'high', moves: [{ ...move, projectId: 'p2' }] }))).toBe(true);
    expect(is(OPS, ask({ priority: 'low', moves: [{ ...move, projectId: 'p2' }] }))).toBe(false);
    expect(is(LEAD, ask({ priority: 'high' }))).toBe(true);
  });

  it('several entries add up over the servers of one ask', () => {
    const both = Rights.parse([
      { users: ['UOPS'], priorities: ['low'], projects: ['p1'] },
      { users: ['UOPS'], priorities: ['low'], projects: ['p2'] },
    ]);
    const moves = ['p1', 'p2', 'p3'].map((projectId) => ({ ...move, projectId }));
    expect(may(both, OPS, ask({ moves: moves.slice(0, 2) })).allowed).toBe(true);
    expect(may(both, OPS, ask({ moves })).allowed).toBe(false);
  });

  it('hosts count for where a server is and where it is sent', () => {
    expect(is(OPS, ask({ moves: [{ ...move, destination: 'gpu-1' }] }))).toBe(false);
    expect(is(OPS, ask({ moves: [{ ...move, source: 'gpu-1' }] }))).toBe(false);
    expect(is(OPS, ask({ moves: [{ ...move, source: null }] }))).toBe(false);
    expect(is(LEAD, ask({ moves: [{ ...move, source: null }] }))).toBe(true);
  });

  it('people of another workspace may only what names them by their id, whatever group or everybody may', () => {
    const open = Rights.parse([
      { everyone: true, groups: ['SOPS'], priorities: ['low', 'high'], approve: true, others: true },
      { users: ['UNAMED'], priorities: ['low'] },
    ]);
    const stranger = { user: 'USTRANGER', groups: ['SOPS'], elsewhere: 'another Slack workspace (T2)' };
    const named = { ...stranger, user: 'UNAMED' };
    for (const deed of [{ act: 'look' } as const, ask(), ask({ act: 'cancel', askedBy: 'USTRANGER' })]) {
      expect(may(open, stranger, deed)).toMatchObject({
        allowed: false,
        text: expect.stringMatching(/^you belong to another Slack workspace \(T2\)/),
        who: null,
      });
    }
    expect(may(open, stranger, ask(), 'they')).toMatchObject({ text: expect.stringMatching(/^they belong .*them$/) });
    expect(may(open, named, ask()).allowed).toBe(true);
    expect(may(open, named, ask({ priority: 'high' }))).toMatchObject({ allowed: false, who: { everyone: true } });
    expect(may(open, named, ask({ act: 'approve', askedBy: 'UOPS' })).allowed).toBe(false);
  });

  it('a priority that the policy chooses takes the right to ask at all', () => {
    expect(is(OPS, ask({ priority: null }))).toBe(true);
    const onlooker = Rights.parse([{ everyone: true }]);
    expect(may(onlooker, GUEST, ask({ priority: null })).allowed).toBe(false);
    expect(may(onlooker, GUEST, { act: 'look' }).allowed).toBe(true);
  });

  it('a drain takes the right to it, also of an empty host', () => {
    const drain = (moves = [move]): Deed => ({ act: 'drain', host: 'compute-1', priority: 'low', moves });
    expect([is(OPS, drain()), is(OPS, drain([])), is(LEAD, drain()), is(LEAD, drain([]))]).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it('what others asked for takes a right of its own; what one asked for oneself can always be cancelled', () => {
    const cancel = (askedBy: string): Deed => ({ act: 'cancel', askedBy, priority: 'high', moves: [move] });
    expect([is(OPS, cancel('UOPS')), is(OPS, cancel('ULEAD')), is(LEAD, cancel('UOPS'))]).toEqual([true, false, true]);
    expect(is(GUEST, cancel('UGUEST'))).toBe(false);
    const raise = (askedBy: string): Deed => ({ act: 'raise', askedBy, priority: 'high', moves: [move] });
    expect([is(OPS, raise('UOPS')), is(LEAD, raise('UOPS'))]).toEqual([false, true]);
  });

  it('nobody approves their own, and only who may', () => {
    const approve = (askedBy: string, drains: string | null = null): Deed => ({
      act: 'approve',
      askedBy,
      priority: 'high',
      moves: [move],
      drains,
    });
    expect([is(OPS, approve('ULEAD')), is(LEAD, approve('ULEAD')), is(LEAD, approve('UOPS', 'compute-1'))]).toEqual([
      false,
      false,
      true,
    ]);
    expect(may(rights, LEAD, approve('ULEAD'))).toMatchObject({
      text: 'nobody approves what they asked for themselves',
    });
  });

  it('who may approve is who may approve all of it, and not the one who asked', () => {
    const entries = Rights.parse([
      { groups: ['SLOW'], users: ['UOPS', 'UANN'], priorities: ['low'], approve: true },
      { groups: ['SALL'], priorities: ['low', 'high'], approve: true },
      { groups: ['SP2'], priorities: ['high'], projects: ['p2'], approve: true },
      { everyone: true, priorities: ['high'] },
    ]);
    const who = (priority: 'low' | 'high', moves = [move]) =>
      approversOf(entries, { act: 'approve', askedBy: 'UOPS', priority, moves, drains: null });
    expect(who('low')).toEqual({ users: ['UANN'], groups: ['SLOW', 'SALL'], everyone: false });
    expect(who('high', [move, { ...move, projectId: 'p2' }])).toEqual({ users: [], groups: ['SALL'], everyone: false });
    expect(who('high', [])).toEqual({ users: [], groups: ['SALL', 'SP2'], everyone: false });
  });

  it('an entry without people, an approver of nothing, a name instead of an id and a typing error are refused', () => {
    const wrong = [
      { priorities: ['low'] },
      { users: ['U123'], approve: true },
      { users: ['@alice'] },
      { groups: ['U123'] },
      { users: ['U123'], priority: ['low'] },
      { users: ['U123'], priorities: ['urgent'] },
    ];
    expect(wrong.filter((grant) => Rights.safeParse([grant]).success)).toEqual([]);
    expect(Rights.parse(undefined)).toEqual([]);
  });
});
