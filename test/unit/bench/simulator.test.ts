import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../../plugin/schedule/random.ts';
import { measureDirtyRate } from '../../bench/simulator/guest.ts';
import { type Scene, simulate } from '../../bench/simulator/migration.ts';

const MEBI = 2 ** 20;

function scene(change: Partial<Scene> = {}, writesMebibytes = 0): Scene {
  const link = { capacity: 480e6, reservation: null };
  return {
    guest: {
      memoryBytes: 160 * MEBI,
      hotBytes: 64 * MEBI,
      writesBytesPerSecond: writesMebibytes * MEBI,
      readsPerSecond: 200,
      answerPages: 16,
    },
    vmTx: 0,
    vmRx: 0,
    hostOut: 0,
    hostIn: 0,
    sourceTx: link,
    destinationRx: link,
    downtimeLimitMs: 300,
    limitSeconds: 60,
    ...change,
  };
}

describe('the simulator against what real QEMU did (160 MB at 500 Mbit/s)', () => {
  it('an idle guest: the same time in every technique, the stall is the price of post-copy', () => {
    const [pre, post, hybrid] = (['pre-copy', 'post-copy', 'hybrid-copy'] as const).map((each) =>
      simulate(each, scene(), randomFrom(1)),
    );
    expect(pre?.seconds).toBeCloseTo(3, 0);
    expect(post?.seconds).toBeCloseTo(3, 0);
    expect(hybrid?.seconds).toBeCloseTo(3, 0);
    expect(post?.longestStallMs).toBeGreaterThan(600);
    expect(post?.longestStallMs).toBeLessThan(2000);
    expect(hybrid?.longestStallMs).toBeLessThan(400);
  });

  it('a guest that sends and dirties: pre-copy takes several times as long as post-copy', () => {
    const sends = scene({ vmTx: 480e6 }, 16);
    const [pre, post] = (['pre-copy', 'post-copy'] as const).map((each) => simulate(each, sends, randomFrom(1)));
    expect((pre?.seconds ?? 0) / (post?.seconds ?? 1)).toBeGreaterThan(2);
  });

  it('a guest that receives: post-copy is the slower one', () => {
    const receives = scene({ vmRx: 480e6 });
    const [pre, post] = (['pre-copy', 'post-copy'] as const).map((each) => simulate(each, receives, randomFrom(1)));
    expect((post?.seconds ?? 0) / (pre?.seconds ?? 1)).toBeGreaterThan(1.3);
  });

  it('a pre-copy that cannot end is censored, after many passes', () => {
    const outcome = simulate('pre-copy', scene({ limitSeconds: 20 }, 400), randomFrom(1));
    expect(outcome).toMatchObject({ censored: true, downtimeMs: 0 });
    expect(outcome.passes).toBeGreaterThan(5);
  });

  it('sends each page once in post-copy, and pages again in pre-copy', () => {
    const bytes = (technique: 'pre-copy' | 'post-copy') => simulate(technique, scene({}, 16), randomFrom(2)).bytes;
    const memory = 160 * MEBI * (1 + 8 / 4096);
    expect(bytes('post-copy') / memory).toBeGreaterThan(0.99);
    expect(bytes('post-copy') / memory).toBeLessThan(1.15);
    expect(bytes('pre-copy') / memory).toBeGreaterThan(1.15);
  });

  it('reads a lower dirty rate in a longer window', () => {
    const rate = (windowMs: number) => measureDirtyRate(scene({}, 40).guest, windowMs, randomFrom(3));
    expect(rate(1000)).toBeGreaterThan(1.3 * rate(4000));
  });

  it('repeats itself to the last byte with the same seed', () => {
    expect(simulate('hybrid-copy', scene({}, 30), randomFrom(5))).toEqual(
      simulate('hybrid-copy', scene({}, 30), randomFrom(5)),
    );
  });
});
