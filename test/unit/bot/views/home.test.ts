import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { home, homeAway, homeRefused } from '../../../../bot/views/home.ts';
import type { HostView } from '../../../../plugin/contract.ts';
import { completed, NOW_MS, record } from '../migrations.ts';
import { hostileName, hostileText } from './hostile.ts';
import { changedShape, readable, shapeOf, viewFaults } from './show.ts';

function host(name: string, changes: Partial<HostView> = {}): HostView {
  return {
    host: name,
    reachable: true,
    sampleAgeMs: 500,
    linkBitsPerSecond: 1e9,
    shapeableBitsPerSecond: 950e6,
    nic: {
      txBitsPerSecond: 520e6,
      rxBitsPerSecond: 0,
      migrationTxBitsPerSecond: 220e6,
      migrationRxBitsPerSecond: 0,
      controlTxBitsPerSecond: 0,
      controlRxBitsPerSecond: 0,
      workloadTxBitsPerSecond: 300e6,
      workloadRxBitsPerSecond: 0,
    },
    reserved: null,
    postCopy: null,
    maxConcurrentLiveMigrations: 1,
    libvirtVersion: null,
    qemuVersion: null,
    leaving: [42],
    arriving: [],
    warnings: [],
    ...changes,
  };
}

const policy = {
  active: 'default.yaml@3f9c2b1a',
  loadedAtMs: NOW_MS - 1000,
  refused: null,
  warnings: [],
  source: null,
};

describe('the home of the app', () => {
  it('shows what runs and waits, how busy the NICs are, and what ended last', () => {
    const queued = record('db-1', { state: 'queued', progress: null });
    const view = home(
      { unfinished: [record('web-1'), queued], ended: [completed('web-9')], hosts: [host('compute-1')], policy },
      NOW_MS,
    );
    const text = readable(view.blocks);
    expect(text).toContain('🚚 1 running · 1 waiting');
    expect(text).toContain('compute-1 out ▓▓▓▒▒░░░░░  52 % in ░░░░░░░░░░   0 % of 1.00 Gbit/s · 1 leaving, 0 arriving');
    expect(text).toMatch(/Last 1\n✅ .*web-9/);
    expect(text).toContain('📜 Policy default.yaml@3f9c2b1a');
    expect(JSON.stringify(view)).toContain('"action_id":"form.open"');
    expect(viewFaults(view)).toEqual([]);
  });

  it('names who asked and who approved', () => {
    const requester = 'slack:U0ASKER01 approved by slack:U0BOSS001';
    const asked = {
      priority: null,
      deadlineAtMs: null,
      notBeforeAtMs: null,
      requester,
      client: null,
      group: null,
      traceparent: null,
    };
    const view = home({ unfinished: [], ended: [completed('web-9', { asked })], hosts: [], policy }, NOW_MS);
    expect(readable(view.blocks)).toContain('@U0ASKER01 approved by @U0BOSS001');
  });

  it('hosts with trouble stand first, and say what it is', () => {
    const silent = host('compute-9', {
      reachable: false,
      nic: null,
      warnings: [{ code: 'hostd-silent', text: 'no answer for 20 s' }],
    });
    const text = readable(
      home({ unfinished: [], ended: [], hosts: [host('compute-1'), silent], policy }, NOW_MS).blocks,
    );
    expect(text.indexOf('compute-9')).toBeLessThan(text.indexOf('compute-1 '));
    expect(text).toContain('compute-9 🔌 its hostd does not answer');
    expect(text).toContain('Nothing waits or runs.');
  });

  it('keeps within the limits, and nothing foreign formats', () => {
    fc.assert(
      fc.property(hostileName, hostileText, fc.constantFrom(1, 20, 500), (name, text, count) => {
        const build = (given: string, said: string) => {
          const reason = { code: 'x', text: said };
          const warned = host(given, { warnings: [reason, reason, reason] });
          const some = [record(given), record(given, { state: 'queued', planned: null, stateReason: reason })];
          return home(
            {
              unfinished: Array(count).fill(some).flat(),
              ended: Array(20).fill(
                record(given, {
                  state: 'failed',
                  endedAtMs: NOW_MS,
                  stateReason: reason,
                  asked: {
                    priority: null,
                    deadlineAtMs: null,
                    notBeforeAtMs: null,
                    requester: said,
                    client: null,
                    group: null,
                    traceparent: null,
                  },
                }),
              ),
              hosts: Array(count).fill(warned),
              policy: {
                active: given,
                loadedAtMs: null,
                refused: { atMs: NOW_MS, errors: [said] },
                warnings: [said],
                source: { files: [said], commit: given },
              },
            },
            NOW_MS,
          );
        };
        for (const view of [
          build,
          (_: string, said: string) => homeAway(said),
          (_: string, said: string) => homeRefused(said),
        ]) {
          const shown = view(name, text);
          expect(viewFaults(shown)).toEqual([]);
          expect(changedShape(shapeOf(shown.blocks), shapeOf(view('x', 'x').blocks))).toEqual([]);
        }
      }),
      { numRuns: 25 },
    );
  });
});
