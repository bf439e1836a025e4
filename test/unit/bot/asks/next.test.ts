import { describe, expect, it } from 'vitest';
import type { Ask } from '../../../../bot/asks/ask.ts';
import { type Happening, next } from '../../../../bot/asks/next.ts';
import { askedVms } from '../../../../bot/asks/vms.ts';
import type { MigrationRecord, ServerView } from '../../../../plugin/contract.ts';

const NOW = 1_800_000_000_000;

function server(name: string): ServerView {
  return { id: `id-${name}`, name, projectId: 'p1', host: 'h1', status: 'ACTIVE', flavorName: 'm1', memoryBytes: 1 };
}

function received(): Ask {
  const wish = {
    kind: 'migrate' as const,
    targets: [{ pattern: 'web-1', isGlob: false }],
    priority: null,
    destination: null,
    deadlineAtMs: null,
    startAtMs: null,
  };
  return {
    id: 'ask-1',
    kind: 'migrate',
    text: 'web-1',
    wish,
    askedBy: 'U1',
    channel: 'C1',
    askedAtMs: NOW,
    state: 'received',
    stateText: null,
    choices: [],
    approval: null,
    vms: [],
    endedAtMs: null,
    messageChannel: null,
    messageTs: null,
  };
}

function record(id: number, state: MigrationRecord['state']): MigrationRecord {
  return { id, state, vmUuid: 'id-web-1', asked: null, decision: null, stateReason: null } as MigrationRecord;
}

function having(...happenings: Happening[]): Ask {
  return happenings.reduce((ask, happening) => next(ask, happening, NOW), received());
}

const RESOLVED: Happening = {
  kind: 'resolved',
  vms: askedVms([server('web-1'), server('web-2')]),
  approval: null,
  note: null,
};
const ASKING: Happening = { kind: 'asking', vmIds: ['id-web-1', 'id-web-2'] };
const ACCEPTED: Happening = { kind: 'accepted', vmId: 'id-web-1', migration: record(1, 'queued') };
const REFUSED: Happening = { kind: 'vm-refused', vmId: 'id-web-2', refusal: { code: 'x', text: 'x' } };
const APPROVAL = { reason: 'high', expiresAtMs: NOW + 1000 };

describe('an ask', () => {
  it('goes from found to submitted to followed to its end', () => {
    expect(having(RESOLVED).state).toBe('submitting');
    expect(having(RESOLVED, ASKING, ACCEPTED).state).toBe('submitting');
    const following = having(RESOLVED, ASKING, ACCEPTED, REFUSED);
    expect(following.state).toBe('following');
    const ended = next(following, { kind: 'news', migration: record(1, 'completed') }, NOW);
    expect(ended).toMatchObject({ state: 'ended', endedAtMs: NOW });
  });

  it('is not changed by what is said twice or too late: it is the very same', () => {
    const following = having(RESOLVED, ASKING, ACCEPTED, REFUSED);
    for (const again of [RESOLVED, ASKING, ACCEPTED, REFUSED]) expect(next(following, again, NOW)).toBe(following);
    const ended = next(following, { kind: 'news', migration: record(1, 'completed') }, NOW);
    const late: Happening[] = [
      { kind: 'news', migration: record(1, 'running') },
      { kind: 'cancel', by: 'U1', vmId: null },
      { kind: 'raise', by: 'U1', to: 'high' },
      { kind: 'expired', text: 'x' },
      { kind: 'approved', by: 'U2' },
    ];
    for (const happening of late) expect(next(ended, happening, NOW)).toBe(ended);
  });

  it('waits for a second person where it takes one, who decides once', () => {
    const waits = having({ ...RESOLVED, approval: APPROVAL });
    expect(waits.state).toBe('awaiting-approval');
    const approved = next(waits, { kind: 'approved', by: 'U2' }, NOW);
    expect(approved).toMatchObject({ state: 'submitting', approval: { by: 'U2', verdict: 'approved' } });
    expect(next(approved, { kind: 'turned-down', by: 'U3' }, NOW)).toBe(approved);
    expect(next(waits, { kind: 'turned-down', by: 'U2' }, NOW).state).toBe('withdrawn');
    expect(next(waits, { kind: 'expired', text: 'x' }, NOW).state).toBe('expired');
  });

  it('that is cancelled withdraws what nobody was asked for, and orders the end of the rest', () => {
    expect(having({ kind: 'cancel', by: 'U1', vmId: null }).state).toBe('withdrawn');
    const partly = having(RESOLVED, { kind: 'asking', vmIds: ['id-web-1'] }, { kind: 'cancel', by: 'U1', vmId: null });
    expect(partly.vms.map(({ submission, cancel }) => [submission, cancel?.outcome])).toEqual([
      ['asked', null],
      ['refused', 'done'],
    ]);
    expect(partly.state).toBe('submitting');
    const again = next(partly, { kind: 'cancel', by: 'U9', vmId: null }, NOW);
    expect(again).toBe(partly);
  });

  it('says to its end what of it was left out', () => {
    const end = { kind: 'news' as const, migration: record(1, 'completed') };
    const note = 'web-3 stays: it is SHUTOFF';
    const ended = having({ ...RESOLVED, note }, ASKING, ACCEPTED, REFUSED, end);
    expect(ended).toMatchObject({ state: 'ended', stateText: null, note });
  });

  it('may be cancelled again where the control API refused it the first time', () => {
    const running = having(RESOLVED, ASKING, ACCEPTED, REFUSED, { kind: 'cancel', by: 'U1', vmId: null });
    const outcome = { code: 'migration-in-post-copy', text: 'no way back' };
    const refused = next(running, { kind: 'ordered', order: 'cancel', vmId: 'id-web-1', outcome }, NOW);
    expect(next(refused, { kind: 'cancel', by: 'U2', vmId: null }, NOW).vms[0]?.cancel).toMatchObject({ by: 'U2' });
  });

  it('goes on with the chosen server in place of the name', () => {
    const choices = [{ pattern: 'web-1', servers: [server('a'), server('b')] }];
    const choosing = having({ kind: 'ambiguous', choices });
    expect(choosing.state).toBe('choosing');
    expect(next(choosing, { kind: 'chosen', pattern: 'web-1', serverId: 'id-c' }, NOW)).toBe(choosing);
    const chosen = next(choosing, { kind: 'chosen', pattern: 'web-1', serverId: 'id-b' }, NOW);
    expect(chosen).toMatchObject({ state: 'received', wish: { targets: [{ pattern: 'id-b', isGlob: false }] } });
  });

  it('is raised only where that is higher, and only what has not ended', () => {
    const following = having(RESOLVED, ASKING, ACCEPTED, REFUSED);
    const raised = next(following, { kind: 'raise', by: 'U1', to: 'medium' }, NOW);
    expect(raised.vms.map(({ raise }) => raise?.to)).toEqual(['medium', undefined]);
    expect(next(raised, { kind: 'raise', by: 'U1', to: 'medium' }, NOW)).toBe(raised);
  });

  it('that was refused is told once, and again when what was meant instead is refused too', () => {
    const refused: Happening = {
      kind: 'refused',
      text: 'no',
      choices: [{ pattern: 'web-1', servers: [server('web-2')] }],
    };
    const told: Happening = { kind: 'told', endedAtMs: NOW };
    expect(having(refused)).toMatchObject({ state: 'refused', told: false });
    expect(having(refused, { kind: 'told', endedAtMs: NOW - 1 }).told).toBe(false);
    const after = having(refused, told);
    expect(after.told).toBe(true);
    expect(next(after, told, NOW)).toBe(after);
    const chosen: Happening = { kind: 'chosen', pattern: 'web-1', serverId: 'id-web-2' };
    expect(having(refused, told, chosen, { kind: 'refused', text: 'no' }).told).toBe(false);
    expect(having(told).told).toBeUndefined();
  });
});
