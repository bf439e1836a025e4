import { describe, expect, it } from 'vitest';
import { FEATURES, judgeFeatures, judgeQueueing } from '../../../../../hostd/check/judge/shaping.ts';

describe('judgeFeatures', () => {
  it('is content where all of them work', () => {
    const trials = Object.fromEntries(FEATURES.map((feature) => [feature, null]));
    expect(judgeFeatures(trials).map(({ check, state }) => [check, state])).toEqual(
      FEATURES.map((feature) => [`kernel.${feature}`, 'ok']),
    );
  });

  it.each([
    [
      'a module that is not there',
      'tc qdisc add: Error: Specified qdisc kind is unknown.',
      /modprobe sch_htb.*CONFIG_NET_SCH_HTB/,
    ],
    ['no right', 'tc qdisc add: RTNETLINK answers: Operation not permitted', /rights\.capability/],
    ['no program', 'tc qdisc add: spawn tc ENOENT', /Install iproute2/],
  ])('%s: what to do follows from what was said', (_, said, todo) => {
    const findings = judgeFeatures({ ifb: null, htb: said, ingress: null });
    expect(findings.find(({ check }) => check === 'kernel.htb')).toMatchObject({
      state: 'fail',
      todo: expect.stringMatching(todo),
    });
    // What stands on it was not tried, and is no failure of its own.
    expect(findings.find(({ check }) => check === 'kernel.bfifo')).toMatchObject({ state: 'warn' });
  });
});

describe('judgeQueueing', () => {
  it('lets stand what could be put back, and refuses what could not', () => {
    const state = (root: Parameters<typeof judgeQueueing>[0]['root'], foreignIngress: string | null = null) =>
      judgeQueueing({ nic: 'eth0', root, foreignIngress }).map(({ state }) => state);
    expect(state({ state: 'own' })).toEqual(['ok', 'ok']);
    expect(state({ state: 'kernel', shown: 'mq' })).toEqual(['ok', 'ok']);
    expect(state({ state: 'provable', shown: 'fq' })).toEqual(['ok', 'ok']);
    expect(state({ state: 'refused', why: 'it has filters' })).toEqual(['fail', 'ok']);
    expect(state({ state: 'kernel', shown: 'mq' }, 'clsact')).toEqual(['ok', 'fail']);
  });
});
