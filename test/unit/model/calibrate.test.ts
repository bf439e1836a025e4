import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Calibration,
  correctorOf,
  type FinishedMigration,
  learn,
  UNCALIBRATED,
} from '../../../plugin/model/calibrate.ts';
import { DEFAULT_PARAMETERS } from '../../../plugin/model/features.ts';
import { predictOne } from '../../../plugin/model/predict.ts';
import { randomFrom } from '../../../plugin/schedule/random.ts';
import { features } from './features.ts';

const PAIR = { technique: 'pre-copy', source: 'a', destination: 'b' } as const;

/** Migrations of a cloud that takes `factor` times as long as the model says, and `added` ms on top, on each pair alike. */
function cloud(count: number, { factor = 1, added = 0, noise = 0, pairs = ['b'] }, seed = 1): FinishedMigration[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, index) => {
    const measured = features({ memoryBytes: 1e8 * (1 + Math.floor(random() * 8)) });
    const { totalMigrationTimeMs } = predictOne('pre-copy', measured);
    const chance = 1 + noise * (random() + random() + random() - 1.5);
    return {
      ...PAIR,
      destination: pairs[index % pairs.length] ?? 'b',
      features: measured,
      observed: { totalMigrationTimeMs: (added + factor * totalMigrationTimeMs) * chance },
    };
  });
}

function content(contentShare: number) {
  return { ...DEFAULT_PARAMETERS, contentShare };
}

function taught(migrations: readonly FinishedMigration[]): Calibration {
  return migrations.reduce<Calibration>((known, each) => learn(known, each), UNCALIBRATED);
}

function error(calibration: Calibration, { features: measured, observed, ...pair }: FinishedMigration): number {
  const { value } = correctorOf(calibration).estimate(pair, measured).totalMigrationTimeMs;
  return Math.abs(value - (observed.totalMigrationTimeMs ?? 0)) / (observed.totalMigrationTimeMs ?? 1);
}

describe('calibration', () => {
  it('says what the model says as long as nothing is known, with a wide interval', () => {
    const measured = features();
    const { totalMigrationTimeMs } = correctorOf(UNCALIBRATED).estimate(PAIR, measured);
    expect(totalMigrationTimeMs.value).toBeCloseTo(predictOne('pre-copy', measured).totalMigrationTimeMs, 6);
    expect(totalMigrationTimeMs.low).toBeLessThan(0.7 * totalMigrationTimeMs.value);
    expect(totalMigrationTimeMs.high).toBeGreaterThan(1.5 * totalMigrationTimeMs.value);
  });

  it('finds a factor and a fixed overhead, so that it holds for sizes it has never seen', () => {
    const calibration = taught(cloud(80, { factor: 1.4, added: 3000 }));
    const measured = features({ memoryBytes: 20e8 });
    const outcome = 3000 + 1.4 * predictOne('pre-copy', measured).totalMigrationTimeMs;
    expect(
      error(calibration, { ...PAIR, features: measured, observed: { totalMigrationTimeMs: outcome } }),
    ).toBeLessThan(0.08);
  });

  it('stays with the first variant of the model where no time was ever measured', () => {
    const timeless = cloud(10, {}).map((each) => ({ ...each, observed: { bytes: 1e9 } }));
    const calibration = taught(timeless);
    expect(calibration.variant).toEqual({ 'pre-copy': 0 });
    expect(Calibration.parse(calibration)).toEqual(calibration);
  });

  it('learns from what was carried how much of the memory holds content, for all techniques', () => {
    const empty = cloud(20, {}).map((each) => {
      const { bytes, totalMigrationTimeMs } = predictOne('pre-copy', each.features, content(0.4));
      return { ...each, observed: { bytes, totalMigrationTimeMs } };
    });
    const calibration = taught(empty);
    expect(calibration.contentShare).toBeCloseTo(0.4, 2);
    // What is dirtied is not less for that: a factor on the result would say so.
    const dirties = features({ dirtyWindows: [{ windowMs: 1000, bytesPerSecond: 20e6 }] });
    for (const technique of ['pre-copy', 'post-copy'] as const) {
      const { bytes } = predictOne(technique, dirties, content(0.4));
      const estimate = correctorOf(calibration).estimate({ ...PAIR, technique }, dirties).bytes.value;
      expect(Math.abs(estimate - bytes) / bytes, technique).toBeLessThan(0.03);
    }
  });

  it('takes no more content than there is memory, and some where nothing was carried', () => {
    const carried = (bytes: number) => taught(cloud(10, {}).map((each) => ({ ...each, observed: { bytes } })));
    expect(carried(1e12).contentShare).toBe(1);
    expect(carried(1).contentShare).toBe(0.05);
    expect(taught(cloud(10, {})).contentShare).toBe(1);
  });

  it('that was kept before content was learned is read, with all memory full', () => {
    const { contentShare: _, ...before } = taught(cloud(12, {}));
    expect(Calibration.parse(before)).toEqual({ ...before, contentShare: 1 });
  });

  it('one strange migration changes little', () => {
    const ordinary = cloud(40, { factor: 1.2, noise: 0.02 });
    const [probe] = cloud(1, { factor: 1.2 }, 9);
    const strange = ordinary.map((each, index) =>
      index === 20 ? { ...each, observed: { totalMigrationTimeMs: 1e7 } } : each,
    );
    if (!probe) throw new Error('no probe');
    expect(error(taught(strange), probe)).toBeLessThan(0.05);
  });

  it('a pair of hosts that is slower is known for it; a new pair is judged by the others', () => {
    const slow = cloud(60, { factor: 1.5, pairs: ['slow'] });
    const fast = cloud(60, { factor: 1, pairs: ['fast'] }, 2);
    const calibration = taught(slow.flatMap((each, index) => [each, fast[index] ?? each]));
    const measured = features({ memoryBytes: 4e8 });
    const model = predictOne('pre-copy', measured).totalMigrationTimeMs;
    const to = (destination: string) =>
      correctorOf(calibration).estimate({ ...PAIR, destination }, measured).totalMigrationTimeMs.value / model;
    expect(to('slow')).toBeGreaterThan(1.35);
    expect(to('fast')).toBeLessThan(1.15);
    expect(to('new')).toBeGreaterThan(1);
    expect(to('new')).toBeLessThan(1.5);
  });

  it('finds that memory is dirtied twice as fast while it migrates', () => {
    const random = randomFrom(3);
    const migrations = Array.from({ length: 60 }, (): FinishedMigration => {
      const rate = 20e6 * random();
      const measured = features({ dirtyWindows: [{ windowMs: 1000, bytesPerSecond: rate }] });
      const real = features({ dirtyWindows: [{ windowMs: 1000, bytesPerSecond: 2 * rate }] });
      return {
        ...PAIR,
        features: measured,
        observed: { totalMigrationTimeMs: predictOne('pre-copy', real).totalMigrationTimeMs },
      };
    });
    const calibration = taught(migrations);
    expect(migrations.slice(-20).every((each) => error(calibration, each) < 0.05)).toBe(true);
  });

  it('intervals contain nine of ten of what comes next', () => {
    const [known, next] = [cloud(200, { noise: 0.2 }, 4), cloud(400, { noise: 0.2 }, 5)];
    const corrector = correctorOf(taught(known));
    const inside = next.filter(({ features: measured, observed, ...pair }) => {
      const { low, high } = corrector.estimate(pair, measured).totalMigrationTimeMs;
      return low <= (observed.totalMigrationTimeMs ?? 0) && (observed.totalMigrationTimeMs ?? 0) <= high;
    });
    expect(inside.length / next.length).toBeGreaterThan(0.85);
    expect(inside.length / next.length).toBeLessThan(0.95);
  });

  it('is the same after a way through JSON, and forgets the oldest', () => {
    const calibration = taught(cloud(420, { factor: 1.1, noise: 0.1 }));
    expect(calibration.finished).toHaveLength(400);
    const again = Calibration.parse(JSON.parse(JSON.stringify(calibration)));
    const measured = features({ memoryBytes: 3e8 });
    expect(correctorOf(again).estimate(PAIR, measured)).toEqual(correctorOf(calibration).estimate(PAIR, measured));
  });

  it('gives finite figures whatever has been observed, and low <= value <= high', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 1, max: 1e9, noNaN: true }), { maxLength: 40 }), (observed) => {
        const calibration = taught(
          observed.map((totalMigrationTimeMs) => ({
            ...PAIR,
            features: features(),
            observed: { totalMigrationTimeMs },
          })),
        );
        const { totalMigrationTimeMs: of } = correctorOf(calibration).estimate(PAIR, features({ memoryBytes: 1e9 }));
        expect(Number.isFinite(of.high)).toBe(true);
        expect(of.low).toBeGreaterThan(0);
        expect(of.high).toBeGreaterThanOrEqual(of.low);
      }),
      { numRuns: 50 },
    );
  });
});
