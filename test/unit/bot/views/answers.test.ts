import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../../../bot/command/parse.ts';
import { CommandError } from '../../../../bot/errors.ts';
import type { Message } from '../../../../bot/views/blocks.ts';
import { explain, why } from '../../../../bot/views/explain.ts';
import { plan } from '../../../../bot/views/plan.ts';
import { notice, policy } from '../../../../bot/views/policy.ts';
import { raise } from '../../../../bot/views/raise.ts';
import {
  cameToNothing,
  cancelled,
  help,
  mistake,
  notFound,
  refused,
  tooLate,
  trouble,
} from '../../../../bot/views/replies.ts';
import { ownStatus, status } from '../../../../bot/views/status.ts';
import type { PlannedMigration, PolicyExplanation, WhatIfAnswer } from '../../../../plugin/contract.ts';
import { ask, askedVm, completed, decision, NOW_MS, record } from '../migrations.ts';
import { server } from '../servers.ts';
import { hostileName, hostileText } from './hostile.ts';
import { changedShape, messageFaults, readable, shapeOf } from './show.ts';

const read = (message: Message) => readable(message.blocks).replaceAll('\uA789', ':').replaceAll('˗', '-');
const clock = { nowMs: NOW_MS, timeZone: 'Europe/Berlin' };

function planned(vmName: string, changes: Partial<PlannedMigration> = {}): PlannedMigration {
  return {
    id: null,
    vmUuid: '11111111-2222-4333-8444-555555555555',
    vmName,
    source: 'compute-1',
    destination: 'compute-2',
    links: ['compute-1 tx', 'compute-2 rx'],
    running: false,
    priority: 'high',
    technique: 'post-copy',
    strategy: 'parallel',
    startAtMs: NOW_MS,
    endAtMs: { value: NOW_MS + 40_000, low: NOW_MS + 30_000, high: NOW_MS + 70_000 },
    reason: null,
    rates: [{ fromAtMs: NOW_MS, bitsPerSecond: 412e6 }],
    deadline: { atMs: NOW_MS + 600_000, verdict: 'kept' },
    lostBits: { sourceTx: 300e6, destinationRx: 0, vm: 100e6 },
    ...changes,
  };
}

function whatIf(name: string, text: string): WhatIfAnswer {
  const times = { startAtMs: NOW_MS, endAtMs: { value: NOW_MS + 60_000, low: null, high: null }, reason: null };
  return {
    atMs: NOW_MS,
    policy: text,
    migrations: [
      planned(name),
      planned(name, {
        startAtMs: NOW_MS + 40_000,
        deadline: { atMs: NOW_MS + 50_000, verdict: 'late' },
        endAtMs: { value: NOW_MS + 80_000, low: null, high: null },
      }),
    ],
    unchanged: [],
    refused: [{ vmUuid: 'x', vmName: name, reason: { code: 'deadline', text } }],
    delayed: [
      {
        id: 7,
        vmUuid: 'y',
        vmName: name,
        running: false,
        before: times,
        after: { ...times, endAtMs: { value: NOW_MS + 72_000, low: null, high: null } },
        laterMs: 12_000,
        missesDeadline: true,
      },
    ],
    workloads: [
      {
        link: `${name} tx`,
        workloadBitsPerSecond: 100e6,
        lostBits: 300e6,
        lostBitsWithout: 100e6,
        lostBitsNow: 100e6,
        overMs: 14_000,
      },
    ],
  };
}

function explanation(name: string, text: string): PolicyExplanation {
  return {
    vm: name,
    atMs: NOW_MS,
    source: name,
    destination: name,
    policy: text,
    priority: 'high',
    reason: { code: 'priority-rule', text },
    lost: [{ place: text, selectors: text, priority: 'low', why: text }],
    startsAtMs: NOW_MS + 3600_000,
    deadlineAtMs: NOW_MS + 7200_000,
    deadlineReason: { code: 'deadline-shortened', text },
    admission: { verdict: 'warn', reason: { code: 'x', text } },
    limits: [{ link: name, path: text, place: text, lowerBitsPerSecond: 100e6, upperBitsPerSecond: 300e6 }],
    uplinks: [{ uplink: name, path: text, place: text, migrationBitsPerSecond: 4e9 }],
    decision: decision({ reasons: [{ code: 'x', text }], policy: text }),
  };
}

describe('answers to a command', () => {
  const request = parseCommand('plan high web-1 by 18:00', clock) as { kind: 'plan'; request: never };

  it('a mistake is pointed at, also far out in a long line', () => {
    const fail = (text: string) => {
      try {
        parseCommand(text, clock);
      } catch (error) {
        return mistake(text, error as CommandError);
      }
      throw new Error('it was understood');
    };
    const lines = read(fail('low vm-42 at 25:00')).split('\n');
    const [line = '', pointer = ''] = lines.slice(1);
    expect(line).toBe('/migrate low vm-42 at 25:00');
    expect(pointer).toMatch(/^ {22}\^{5} this is no time/);
    const long = fail(`low ${'web-1234 '.repeat(60)}at 25:00`);
    const [cut = '', below = ''] = read(long).split('\n').slice(1);
    expect(cut.slice(below.indexOf('^'), below.lastIndexOf('^') + 1)).toBe('25:00');
    expect(messageFaults(long)).toEqual([]);
  });

  it('a word that was probably meant for another is pointed at', () => {
    const slip = { written: 'hgh', meant: 'high', span: { start: 5, end: 8 } };
    const asked = cameToNothing({ id: 'a', choices: [], text: 'vm-2 hgh', stateText: 'there is no server hgh', slip });
    const shown = read(asked).split('\n');
    const at = shown.findIndex((line) => line.includes('^'));
    expect(shown.slice(at - 1, at + 1)).toEqual([
      '/migrate vm-2 hgh',
      '              ^^^ no server is called hgh; did you mean high?',
    ]);
    expect(asked.text).toBe('Not taken: no server is called hgh; did you mean high?');
    expect(read(notFound(['there is no server hgh'], 'vm-2 hgh', slip))).toContain('^^^ no server is called hgh');
  });

  it('a plan says at once when all is done, what it costs and whom it delays, then each server in order', () => {
    const message = plan(request.request, whatIf('web-1', 'default.yaml@3f9c2b1a'), NOW_MS);
    const text = read(message);
    expect(text).toContain(
      '🔮 2 servers: all done in 1 min 20 s\nworkloads lose 0.20 Gbit, 14 % of the worst link · 1 other later for it · deadline missed by 1 · 1 would not be taken',
    );
    expect(text).toMatch(
      /1\. web-1 compute-1 → compute-2 · post-copy, parallel · starts now · ETA .* \(in 40 s; 30 s to 1 min 10 s\) · 412 Mbit\/s · links lose 0\.30 Gbit, the server itself 0\.10 Gbit · ✅ keeps its deadline/,
    );
    expect(text).toMatch(/2\. web-1 .* starts in 40 s .* ❌ misses its deadline .* by 30 s/);
    expect(text).toContain('web-1 12.0 s later (ETA ');
    expect(text).toContain('web-1 tx 0.30 Gbit (21 %) in 14.0 s, of 100 Mbit/s now, 0.10 Gbit of it anyway');
    expect(text).toContain('if /migrate high web-1 by 2026-11-24T17:00:00Z were asked for now');
    expect(message.text).toContain('Nothing is changed.');
    const { request: later } = parseCommand('plan web-1 at 18:00', clock) as { kind: 'plan'; request: never };
    const delayed = read(plan(later, whatIf('web-1', 'p'), NOW_MS));
    expect(delayed).toContain('🕑 planned as if it began now: it would wait until 2026-11-24 17:00 UTC');
  });

  it('raising says what changes for what is raised, for workloads and for others, before it counts', () => {
    const present = { startAtMs: NOW_MS, endAtMs: { value: NOW_MS + 60_000, low: null, high: null }, reason: null };
    const answer = {
      ...whatIf('web-1', 'p'),
      migrations: [planned('web-1', { id: 7 })],
      unchanged: [{ id: 7, ...present }],
    };
    const message = raise(ask({}), 'high', { answer, missing: null, needed: 'a drain' }, NOW_MS);
    const text = read(message);
    expect(text).toMatch(/web-1 ETA .* → .* · 20 s sooner/);
    expect(text).toContain('Workloads lose 0.20 Gbit more than as it is: 14 % of web-1 tx; 1 other later for it.');
    expect(text).toContain('web-1 12.0 s later (ETA ');
    expect(text).toContain('✋ It takes a second person: a drain. With your click you are that one.');
    const low = { ...answer, workloads: answer.workloads.map((each) => ({ ...each, lostBitsNow: 250e6 })) };
    expect(read(raise(ask({}), 'high', { answer: low, missing: null, needed: null }, NOW_MS))).toContain(
      'Workloads lose 50 Mbit more than as it is: 0.20 Gbit in all, 14 % of web-1 tx',
    );
  });

  it('explains with the rule that decides, those that do not, and the technique with what was rejected', () => {
    const text = read(explain(explanation('web-1', 'because'), NOW_MS));
    expect(text).toContain('❓ web-1: high, post-copy, parallel');
    expect(text).toContain('Priority high: because\nnot because (because): low; because');
    expect(text).toContain('post-copy, parallel; predicted TMT 4.8 s, downtime 60 ms, workloads lose 0.18 Gbit');
    expect(text).toContain('• not pre-copy: it does not converge');
    expect(text).toContain('• not serial: no row that matches names serial');
    expect(text).toContain('• reserved on the source: nothing; the workload keeps its lower limit');
    expect(text).toContain('web-1 at least 100 Mbit/s, at most 300 Mbit/s (because)');
    expect(read(why(ask(), NOW_MS))).toContain('web-1: high, by default.yaml@3f9c2b1a\npost-copy, parallel; predicted');
    const done = ask({ vms: [askedVm('web-1', { migration: completed('web-1') })] });
    expect(read(why(done, NOW_MS)).split('\n')).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^server +TMT +predicted +downtime +predicted +lost$/),
        expect.stringMatching(/^web-1 +5\.2 s +4\.8 s +71 ms +60 ms +0\.21 Gbit$/),
      ]),
    );
    expect(read(why(ask({ vms: [] }), NOW_MS))).toContain('Nothing is decided yet');
  });

  it('says which policy is active, since when and by which commit, and what was refused', () => {
    const active = {
      active: 'default.yaml@3f9c2b1a',
      loadedAtMs: NOW_MS - 7200_000,
      refused: null,
      warnings: [] as string[],
      source: { files: ['/etc/drover/default.yaml'], commit: '0123456789ab' },
    };
    expect(read(policy(active, NOW_MS))).toBe(
      '📜 Policy default.yaml@3f9c2b1a · since 2026-11-24 14:30 UTC (2 h) · commit 0123456789ab\nfrom /etc/drover/default.yaml',
    );
    const refusal = { atMs: NOW_MS, errors: ['default.yaml:3:1: limits: a unit is missing'] };
    const both = policy({ ...active, refused: refusal }, NOW_MS);
    expect(read(both)).toContain(
      '⛔ A newer one was refused 2026-11-24 16:30 UTC with an error; the one above stays in effect',
    );
    expect(read(both)).toContain('default.yaml:3:1: limits: a unit is missing');
    expect(both.text).toContain('default.yaml');
    const doubted = read(policy({ ...active, warnings: ['default.yaml:9:1: windows[0]: low may start for'] }, NOW_MS));
    expect(doubted).toContain('⚠️ with a warning');
    expect(doubted).toContain('default.yaml:9:1: windows[0]: low may start for');
    expect(
      read(policy({ active: null, loadedAtMs: null, refused: null, warnings: [], source: null }, NOW_MS)),
    ).toContain('No policy is active');
    const told = notice({
      id: 1,
      atMs: NOW_MS,
      code: 'policy-refused',
      text: 'site.yaml has 1 error',
      details: refusal.errors,
    });
    expect(read(told)).toContain('⛔ A policy was refused: site.yaml has 1 error');
  });

  it('shows what runs and waits, and what one asked for oneself', () => {
    const queued = record('db-1', { state: 'queued', progress: null });
    const text = read(status('all', [record('web-1'), queued, completed('web-9')], NOW_MS));
    expect(text).toMatch(/Running: 1\n🚚 .*web-1.*\nWaiting: 1\n⏳ .*db-1.*\nEnded\n✅ .*web-9/s);
    expect(read(status('web-1', [], NOW_MS))).toBe('Nothing of web-1 waits or runs.');
    expect(read(ownStatus([ask()], NOW_MS))).toContain(
      '🚚 Moving web-1 · ends about 2026-11-24 16:30 UTC · /migrate high web-1',
    );
    expect(read(ownStatus([], NOW_MS))).toContain('/migrate status all');
  });

  it('help shows commands that are understood', () => {
    const commands = [...read(help()).matchAll(/^\/migrate (.*?) {2}/gm)].map(([, words = '']) => words);
    expect(commands.length).toBeGreaterThan(9);
    for (const words of commands) expect(() => parseCommand(words, clock), words).not.toThrow();
  });

  it('keeps within the limits, and no foreign text formats, names anybody or turns anything', () => {
    const vm = askedVm('x');
    const views: ((name: string, text: string, count: number) => Message)[] = [
      (_, text) => mistake(text, new CommandError(text, { start: Math.min(3, text.length), end: text.length })),
      (_, text) => refused(text),
      (_, text) => tooLate(text),
      (name) => cancelled(name),
      (_, text) => trouble({ message: text, isPassing: true }),
      (_, text) => trouble({ message: text, isPassing: false }),
      (_, text, count) => notFound(Array(count).fill(text)),
      (name, text) => notFound([text], text, { written: name, meant: 'high', span: { start: 0, end: 3 } }),
      (name, text, count) =>
        cameToNothing({
          id: 'a',
          choices: Array(count).fill({ pattern: name, servers: [server(name, { host: text }), server(name)] }),
          text,
          slip: { written: name, meant: 'high', span: { start: 0, end: text.length } },
          stateText: Array(count).fill(text.replaceAll('\n', ' ')).join('\n'),
        }),
      (name, text, count) => {
        const one = whatIf(name, text);
        const many = <T>(some: T[]) => Array.from({ length: count }, () => some).flat();
        return plan(
          { ...(request.request as object), targets: [{ pattern: name, isGlob: false }] } as never,
          {
            ...one,
            migrations: many(one.migrations),
            refused: many(one.refused),
            delayed: many(one.delayed),
            workloads: many(one.workloads),
          },
          NOW_MS,
        );
      },
      (name, text, count) => {
        const one = explanation(name, text);
        return explain(
          { ...one, lost: Array(count).fill(one.lost[0]), limits: Array(count).fill(one.limits[0]) },
          NOW_MS,
        );
      },
      (name, text, count) =>
        why(
          ask({
            vms: Array(count).fill({
              ...vm,
              name,
              migration: record(name, { decision: explanation(name, text).decision }),
            }),
          }),
          NOW_MS,
        ),
      (name, text, count) =>
        policy(
          {
            active: name,
            loadedAtMs: NOW_MS,
            refused: { atMs: NOW_MS, errors: Array(count).fill(text) },
            warnings: Array(count).fill(text),
            source: { files: [name], commit: name },
          },
          NOW_MS,
        ),
      (name, text) => raise(ask({}), 'high', { answer: whatIf(name, text), missing: null, needed: text }, NOW_MS),
      (name, text) => raise(ask({}), 'high', { answer: null, missing: text, needed: name }, NOW_MS),
      (name, text) => notice({ id: 1, atMs: NOW_MS, code: 'policy-refused', text, details: [name, text] }),
      (name, _, count) => status(name, Array(count).fill(record(name)), NOW_MS),
      (name, text, count) =>
        status(
          'all',
          Array(count).fill(record(name, { state: 'queued', planned: null, stateReason: { code: 'x', text } })),
          NOW_MS,
        ),
      (_, text, count) => ownStatus(Array(count).fill(ask({ text, vms: [] })), NOW_MS),
    ];
    fc.assert(
      fc.property(hostileName, hostileText, fc.constantFrom(1, 30, 200), (name, text, count) => {
        for (const view of views) {
          const message = view(name, text, count);
          expect(messageFaults(message)).toEqual([]);
          expect(changedShape(shapeOf(message), shapeOf(view('x', 'x', count)))).toEqual([]);
        }
      }),
      // A text of which nothing is left.
      { numRuns: 25, examples: [['web-1', '', 1]] },
    );
    expect(messageFaults(help())).toEqual([]);
  }, 60_000);
});
