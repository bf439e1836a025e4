import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ask, AskedVm } from '../../../../bot/asks/ask.ts';
import { askMessage } from '../../../../bot/views/ask.ts';
import { why } from '../../../../bot/views/explain.ts';
import { ask, askedVm, completed, decision, NOW_MS, progress, record } from '../migrations.ts';
import { server } from '../servers.ts';
import { hostileName, hostileText } from './hostile.ts';
import { changedShape, messageFaults, readable, shapeOf } from './show.ts';

const shown = (changes: Parameters<typeof ask>[0]) => {
  const message = askMessage(ask(changes), NOW_MS);
  const json = JSON.stringify(message.blocks);
  const buttons = [...json.matchAll(/"action_id":"([^"]*)"/g)].map(([, id]) => id);
  return { ...message, read: readable(message.blocks), buttons };
};
const many = (count: number, vm: (index: number) => Partial<AskedVm>) =>
  Array.from({ length: count }, (_, index) => askedVm(`web-${index}`, vm(index)));

describe('the message of an ask', () => {
  it('says of a running migration how far it is, how, how fast, and when it ends', () => {
    const { text, read, buttons } = shown({});
    expect(read).toContain('🚚 Moving web-1');
    expect(read).toContain('▓▓▓▓▓▓░░░░  60 % web-1 compute-1 → compute-2 · post-copy · 412 Mbit/s · 14 s left');
    expect(text).toBe('Moving web-1. Asked by <@U0ASKER01>: /migrate high web-1');
    expect(buttons).toEqual(['ask.cancel', 'ask.why']);
  });

  it('takes newer progress than the record has, and goes by what is left where the plan has passed', () => {
    const late = record('web-1', {
      planned: { startAtMs: 0, endAtMs: { value: NOW_MS - 1, low: 0, high: 0 }, reason: null },
    });
    const newest = progress({ remainingBytes: 103e6, state: 'post-copy' });
    const { read } = shown({ vms: [askedVm('web-1', { migration: late, progress: newest })] });
    expect(read).toContain('▓▓▓▓▓▓▓▓▓░  89 % web-1');
    expect(read).toContain('· 2 s left');
  });

  it('says of one that waits when it starts and ends, and that it misses its deadline', () => {
    const asked = {
      priority: null,
      deadlineAtMs: NOW_MS + 60_000,
      notBeforeAtMs: null,
      requester: null,
      client: null,
      group: null,
      traceparent: null,
    };
    const planned = { startAtMs: NOW_MS + 40_000, endAtMs: { value: NOW_MS + 90_000, low: 0, high: 0 }, reason: null };
    const migration = record('web-1', { state: 'queued', progress: null, planned, asked });
    const { read, buttons } = shown({ vms: [askedVm('web-1', { migration })] });
    expect(read).toContain('⏳ web-1 waits to be moved');
    expect(read).toMatch(
      /⏳ ░{10} waits web-1 .* · starts 2026-11-24 16:30 UTC · ETA 2026-11-24 16:31 UTC · ⚠️ 30 s after its deadline/,
    );
    expect(buttons).toContain('ask.cancel');
  });

  it('says until when one waits that was asked for later, by the reader’s clock', () => {
    const asked = { ...record('web-1').asked, notBeforeAtMs: NOW_MS + 3600_000, deadlineAtMs: null } as never;
    const reason = { code: 'not-before', text: 'it was asked for from 2026-11-24T17:30:00.000Z on' };
    const planned = { startAtMs: null, endAtMs: { value: null, low: null, high: null }, reason };
    const migration = record('web-1', { state: 'queued', progress: null, planned, asked });
    const { read } = shown({ vms: [askedVm('web-1', { migration })] });
    expect(read).toMatch(/⏳ ░{10} waits web-1 .* · not before 2026-11-24 17:30 UTC$/m);
  });

  it('at the end says whether the deadline was kept, and nothing that is true for a moment only', () => {
    const wish = { ...ask().wish, deadlineAtMs: NOW_MS + 60_000 };
    const vms = [askedVm('web-1', { migration: completed('web-1') })];
    const over = { state: 'ended' as const, endedAtMs: NOW_MS, wish };
    expect(shown({ ...over, vms }).read).toContain('deadline 2026-11-24 16:31 UTC, kept');
    const failed = [askedVm('web-1', { migration: completed('web-1', { state: 'failed' }) })];
    expect(shown({ ...over, vms: failed }).read).toMatch(/deadline 2026-11-24 16:31 UTC$/m);
    expect(shown({ wish }).read).toContain('deadline 2026-11-24 16:31 UTC (in 1 min)');
  });

  it('of which nothing came says what it was about, and that nothing of it waits', () => {
    for (const state of ['withdrawn', 'expired'] as const) {
      const { read, text } = shown({
        state,
        endedAtMs: NOW_MS,
        vms: many(2, () => ({ submission: 'pending', migration: null })),
      });
      expect(read).toContain('not moved: web-0 web-1');
      expect(read + text).not.toMatch(/waiting|not asked for yet/);
    }
  });

  it('shows at the end the priority that it had last', () => {
    const asked = { ...record('web-1').asked, priority: 'high', deadlineAtMs: null, notBeforeAtMs: null } as never;
    const vms = [askedVm('web-1', { migration: completed('web-1', { asked }) })];
    const wish = { ...ask().wish, priority: 'low' as const };
    expect(shown({ state: 'ended', endedAtMs: NOW_MS, wish, vms }).read).toContain('priority high');
  });

  it('that waits for Drover says until when, by the reader’s clock', () => {
    const waits = {
      state: 'received' as const,
      stateText: 'the control API does not answer',
      waitsUntilMs: NOW_MS + 60_000,
      vms: [],
    };
    expect(shown(waits).read).toContain(
      '🔌 the control API does not answer. It is kept, and handed over as soon as Drover answers, until 2026-11-24 16:31 UTC.',
    );
    expect(shown({ ...waits, state: 'expired', endedAtMs: NOW_MS }).read).not.toContain('It is kept');
  });

  it('of several sums up TMT, downtime and loss against what was predicted', () => {
    const vms = many(2, (index) => {
      const { outcome, ...rest } = completed(`web-${index}`, { endedAtMs: NOW_MS - 1000 + index * 500 });
      const one = { ...rest, outcome: outcome && { ...outcome, totalMigrationTimeMs: 5000 + index * 1000 } };
      return { migration: one };
    });
    expect(shown({ state: 'ended', endedAtMs: NOW_MS, vms }).read).toContain(
      'TMT 9.5 s together, 5.5 s each in the mean (predicted 4.8 s)\nDowntime 71 ms (predicted 60 ms), the longest\nWorkloads lost 0.44 Gbit (predicted 0.36 Gbit)',
    );
  });

  it('that waits for a second person says what they agree to', () => {
    const approval = { reason: 'a drain', expiresAtMs: NOW_MS + 1, by: null, atMs: null, verdict: null };
    const outlook = ['all done in 40 s', 'workloads lose nothing'];
    const { read } = shown({ state: 'awaiting-approval', approval: { ...approval, who: 'who may: @leads', outlook } });
    expect(read).toContain('🔮 If it began now: all done in 40 s · workloads lose nothing');
    expect(read).toContain('else nothing is done; who may: @leads.');
    expect(JSON.stringify(shown({ state: 'awaiting-approval', approval }).blocks)).not.toContain('subteam');
    const asked = shown({ state: 'awaiting-approval', approval: { ...approval, mentions: ['S0LEADS', 'U0BOSS'] } });
    expect(JSON.stringify(asked.blocks)).toContain('<!subteam^S0LEADS> <@U0BOSS>');
    // Who has decided is not called again.
    expect(JSON.stringify(shown({ approval: { ...approval, mentions: ['S0LEADS'] } }).blocks)).not.toContain('subteam');
    // As an older bot wrote it.
    expect(shown({ state: 'awaiting-approval', approval }).read).toContain('else nothing is done.');
  });

  it('offers each priority above the one that counts', () => {
    const low = record('web-1', { decision: decision({ priority: 'low' }) });
    expect(shown({ vms: [askedVm('web-1', { migration: low })] }).buttons).toEqual([
      'ask.cancel',
      'ask.raise:medium',
      'ask.raise:high',
      'ask.why',
    ]);
  });

  it('at the end says TMT and downtime, against what was predicted', () => {
    const { read, text, buttons } = shown({
      state: 'ended',
      vms: [askedVm('web-1', { migration: completed('web-1') })],
    });
    expect(read).toContain('✅ Moved web-1 to compute-2 in 5.2 s');
    expect(read).toContain('▓▓▓▓▓▓▓▓▓▓ 100 % web-1 compute-1 → compute-2 · post-copy · TMT 5.2 s · downtime 71 ms');
    expect(read).toContain(
      'TMT 5.2 s (predicted 4.8 s)\nDowntime 71 ms (predicted 60 ms)\nWorkloads lost 0.21 Gbit (predicted 0.18 Gbit)',
    );
    expect(text).toContain('Moved web-1 to compute-2 in 5.2 s');
    expect(buttons).toEqual(['ask.why']);
  });

  it('few servers have a line and a button each; what is clicked twice is not offered twice', () => {
    const cancel = { by: 'U1', atMs: NOW_MS, outcome: null };
    const vms = many(3, (index) => (index === 1 ? { cancel } : {}));
    const { read, buttons } = shown({ vms });
    expect(buttons).toEqual(['vm.cancel:0', 'vm.cancel:2', 'ask.cancel', 'ask.why']);
    expect(read).toContain('web-1 compute-1 → compute-2 · post-copy · 412 Mbit/s · 14 s left · being cancelled');
  });

  it('many servers: what failed first, all that run, and the others counted', () => {
    const vms = many(240, (index) => ({
      migration:
        index === 200
          ? record(`web-${index}`, {
              state: 'failed',
              stateReason: { code: 'no-valid-host', text: 'no host was found' },
            })
          : index < 150
            ? record(`web-${index}`)
            : index < 160
              ? completed(`web-${index}`)
              : record(`web-${index}`, { state: 'queued', progress: null }),
    }));
    const { read, text } = shown({ vms });
    expect(read).toContain('⚠️ Moving 240 servers: 11 of 240 done'.replace('️', ''));
    expect(read.indexOf('web-200 failed: no host was found')).toBeLessThan(read.indexOf('Running: 150'));
    expect(read.match(/· 14 s$/gm)).toHaveLength(150);
    expect(read).toContain('Waiting: 79');
    expect(read).toContain('10 servers moved: TMT 5.2 s in the mean, longest downtime 71 ms');
    expect(text).toContain('(10 done, 150 running, 79 waiting, 1 failed)');
  });

  it('200 that run are all shown, each on its line', () => {
    const { read } = shown({
      vms: many(200, () => ({})).map((vm, index) => ({ ...vm, migration: record(`web-${index}`) })),
    });
    expect(read.match(/· 14 s$/gm)).toHaveLength(200);
  });

  it('waits for a second person: why, until when, and who said what', () => {
    const approval = {
      reason: 'workloads lose 25 %, more than 20 %',
      expiresAtMs: NOW_MS + 600_000,
      by: null,
      atMs: null,
      verdict: null,
    };
    const vms = [askedVm('web-1', { submission: 'pending', migration: null })];
    const waiting = shown({ state: 'awaiting-approval', approval, vms });
    expect(waiting.read).toContain('✋ Waits for approval: web-1');
    expect(waiting.read).toContain(
      'A second person must agree: workloads lose 25 %, more than 20 %.\nUntil 2026-11-24 16:40 UTC',
    );
    expect(waiting.text).toContain('Waits for approval: web-1: workloads lose 25 %');
    expect(waiting.buttons).toEqual(['ask.approve', 'ask.turn-down', 'ask.cancel']);
    const by = { ...approval, by: 'U0BOSS', atMs: NOW_MS, verdict: 'approved' as const };
    expect(shown({ approval: by }).read).toContain('👍 approved by @U0BOSS');
    expect(shown({ state: 'withdrawn', approval: { ...by, verdict: 'turned-down' } }).read).toContain(
      '👎 Declined: web-1',
    );
  });

  it('a name that several servers have: all that tells them apart, and a button each', () => {
    const choices = [
      { pattern: 'web-1', servers: [server('web-1'), server('web-1', { host: 'compute-2', projectId: 'p2' })] },
    ];
    const { read, buttons } = shown({ state: 'choosing', choices, vms: [] });
    expect(read).toContain('2 servers are called web-1. Which one?\n1. on compute-1 · project p1');
    expect(read).toContain('2. on compute-2 · project p2');
    expect(buttons).toEqual(['ask.choose:0.0', 'ask.choose:0.1', 'ask.cancel']);
  });

  it.each([
    [{ state: 'received', vms: [] }, '🔎 Looking up web-1'],
    [{ state: 'withdrawn' }, '🚫 Withdrawn: web-1'],
    [{ state: 'expired', stateText: 'nobody approved it' }, 'nobody approved it'],
    [{ state: 'refused', stateText: 'no such server' }, 'no such server'],
    [{ state: 'ended', vms: [] }, 'Nothing was moved'],
  ] satisfies [Partial<Ask>, string][])('%j reads: %s', (changes, words) => {
    expect(shown(changes).read).toContain(words);
  });

  it('a drain is named by its host', () => {
    const wish = { ...ask().wish, kind: 'drain', host: 'compute-3' } as Ask['wish'];
    const vms = many(2, () => ({})).map((vm) => ({ ...vm, migration: completed(vm.name) }));
    expect(shown({ kind: 'drain', wish, vms, state: 'ended' }).read).toContain('compute-3 is drained: 2 servers moved');
    const note = 'web-8 stays: it is SHUTOFF: only what is ACTIVE or PAUSED migrates live\nweb-9 stays: too';
    const partly = shown({ kind: 'drain', wish, vms, state: 'ended', note }).read;
    expect(partly).toContain('2 servers moved from compute-3, others stay');
    expect(partly).toContain(
      '⚠️ web-8 stays: it is SHUTOFF: only what is ACTIVE or PAUSED migrates live\n⚠️ web-9 stays',
    );
    expect(shown({ kind: 'drain', wish }).read).toContain('Moving all servers of compute-3');
    expect(shown({ kind: 'drain', wish, vms: [], state: 'ended' }).read).toContain('compute-3 has nothing to move');
  });
});

describe('any ask', () => {
  const states = fc.constantFrom<Ask['state']>(
    'received',
    'choosing',
    'awaiting-approval',
    'submitting',
    'following',
    'ended',
    'withdrawn',
    'expired',
    'refused',
  );
  const vm = fc.record({
    name: hostileName,
    text: hostileName,
    kind: fc.constantFrom('pending', 'refused', 'queued', 'running', 'post-copy', 'completed', 'failed', 'aborted'),
    isOrdered: fc.boolean(),
  });

  function vmOf({ kind, isOrdered }: { kind: string; isOrdered: boolean }, name: string, text: string): AskedVm {
    const reason = { code: 'x', text };
    const order = { by: 'U0ORDER01', atMs: NOW_MS, outcome: reason };
    const orders = isOrdered ? { cancel: order, raise: { ...order, to: 'high' as const } } : {};
    if (kind === 'pending') return askedVm(name, { submission: 'pending', migration: null, ...orders });
    if (kind === 'refused') return askedVm(name, { submission: 'refused', refusal: reason, migration: null });
    const changes = { source: name, destination: name, stateReason: reason, planned: null };
    if (kind === 'completed') return askedVm(name, { migration: completed(name, changes) });
    return askedVm(name, { migration: record(name, { ...changes, state: kind as 'running' }), ...orders });
  }

  it("keeps within Slack's limits, and no foreign text formats, names anybody or turns anything", () => {
    fc.assert(
      fc.property(
        states,
        fc.array(vm, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 17 }),
        hostileText,
        (state, some, times, text) => {
          const all = Array.from({ length: times }, () => some)
            .flat()
            .slice(0, 500);
          const build = (foreign: (hostile: string) => string) =>
            ask({
              state,
              text: foreign(text),
              stateText: foreign(text),
              vms: all.map((each) => vmOf(each, foreign(each.name), foreign(each.text))),
              approval: {
                reason: foreign(text),
                who: foreign(text),
                outlook: [foreign(text), foreign(text)],
                expiresAtMs: NOW_MS,
                by: state === 'ended' ? 'U0BOSS001' : null,
                atMs: NOW_MS,
                verdict: 'approved',
              },
              choices: some.map((each) => ({
                pattern: foreign(each.name),
                servers: [1, 2].map(() =>
                  server(foreign(each.name), {
                    host: foreign(each.name),
                    projectId: foreign(each.text),
                    status: foreign(each.text),
                  }),
                ),
              })),
              wish: { ...ask().wish, destination: foreign(text), deadlineAtMs: NOW_MS + 1000, startAtMs: NOW_MS + 500 },
            });
          for (const view of [(one: Ask) => askMessage(one, NOW_MS), (one: Ask) => why(one, NOW_MS)]) {
            const message = view(build((hostile) => hostile));
            expect(messageFaults(message)).toEqual([]);
            expect(changedShape(shapeOf(message), shapeOf(view(build(() => 'x'))))).toEqual([]);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('of 1 to 500 servers with names of 255 characters is within the limits', () => {
    for (const count of [1, 6, 20, 21, 500]) {
      for (const letter of ['a', '&', '👩‍👩‍👧'])
        for (const kind of ['running', 'queued', 'completed', 'failed', 'refused']) {
          const name = letter.repeat(255).slice(0, 255);
          const vms = Array.from({ length: count }, () => vmOf({ kind, isOrdered: true }, name, name));
          for (const state of ['following', 'ended'] as const) {
            expect(messageFaults(askMessage(ask({ state, vms }), NOW_MS)), `${count} ${letter} ${kind}`).toEqual([]);
          }
          expect(messageFaults(why(ask({ vms }), NOW_MS))).toEqual([]);
        }
    }
  });
});
