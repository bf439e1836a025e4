import { describe, expect, it } from 'vitest';
import { reservationOf } from '../../../plugin/controller/plan/decide.ts';
import { forecast } from '../../../plugin/controller/plan/forecast.ts';
import { correctorOf, type Estimates, UNCALIBRATED } from '../../../plugin/model/calibrate.ts';
import { iterationsWithin, lossWithin } from '../../../plugin/model/derived.ts';
import type { Estimate } from '../../../plugin/model/interval.ts';
import { predictOne, TECHNIQUES } from '../../../plugin/model/predict.ts';
import { randomFrom } from '../../../plugin/schedule/random.ts';
import { simulate } from '../../bench/simulator/migration.ts';
import { allCells } from '../../bench/techniques/grid.ts';
import { shippedPolicy } from '../../bench/techniques/shipped.ts';
import { MIGRATION, sceneOf, worldOf } from '../../bench/techniques/world.ts';
import { features } from './features.ts';

const SPREAD = { low: Math.log(0.5), high: Math.log(1.8) };
const contains = ({ low, high }: Pick<Estimate, 'low' | 'high'>, value: number) => low <= value && value <= high;

describe('passes over the memory', () => {
  const passes = (megabytesPerSecond: number, change: Parameters<typeof features>[0] = {}) => {
    const dirty = features({
      dirtyWindows: [{ windowMs: 1000, bytesPerSecond: megabytesPerSecond * 1e6 }],
      ...change,
    });
    return iterationsWithin('pre-copy', dirty, { model: predictOne('pre-copy', dirty), spread: SPREAD });
  };

  it('are one whatever the stream does where nothing is dirtied', () => {
    expect(passes(0)).toEqual({ value: 1, low: 1, high: 1 });
  });

  it('are more on a slower stream, and without end where that never catches up', () => {
    const few = passes(10);
    expect(few.low).toBeLessThan(few.value);
    expect(few.high).toBeGreaterThan(few.value);
    expect(Number.isFinite(few.high)).toBe(true);
    expect(passes(40).high).toBe(Number.POSITIVE_INFINITY);
    expect(passes(500)).toMatchObject({ low: passes(500).value, high: Number.POSITIVE_INFINITY });
  });

  it('come closer together as the time does, and always contain the predicted ones', () => {
    for (const megabytes of [0, 5, 10, 20, 30]) {
      const dirty = features({ dirtyWindows: [{ windowMs: 1000, bytesPerSecond: megabytes * 1e6 }] });
      for (const technique of TECHNIQUES) {
        const model = predictOne(technique, dirty);
        const wide = iterationsWithin(technique, dirty, { model, spread: SPREAD });
        const narrow = iterationsWithin(technique, dirty, { model, spread: { low: -0.02, high: 0.02 } });
        expect(contains(wide, wide.value)).toBe(true);
        expect(narrow.low).toBeGreaterThanOrEqual(wide.low);
        expect(narrow.high).toBeLessThanOrEqual(wide.high);
      }
    }
  });
});

describe('workload loss', () => {
  it('lies on the links as the time does, and of the guest between its blackout and its stall', () => {
    const busy = features({ vm: { txBitsPerSecond: 100e6, rxBitsPerSecond: 100e6 } });
    const time = 4000;
    const lostBits = { sourceTx: 1e9, destinationRx: 0, vm: 0.4e9 };
    const model = { ...predictOne('post-copy', busy), totalMigrationTimeMs: time, lostBits };
    const loss = lossWithin(busy, model, {
      totalMigrationTimeMs: { value: time, low: 0.5 * time, high: 2 * time },
      downtimeMs: { value: 100, low: 50, high: 200 },
      longestStallMs: { value: 1000, low: 500, high: 3000 },
    });
    expect(loss.sourceTx).toEqual({ value: 1e9, low: 0.5e9, high: 2e9 });
    expect(loss.destinationRx).toEqual({ value: 0, low: 0, high: 0 });
    expect(loss.vm).toEqual({ value: 0.4e9, low: 200e6 * 0.05, high: 3 * 0.4e9 });
  });

  it('is as the model says where it does not end', () => {
    const hot = features({ dirtyWindows: [{ windowMs: 1000, bytesPerSecond: 1e9 }] });
    const { lostBits } = correctorOf(UNCALIBRATED).estimate(
      { technique: 'pre-copy', source: 'a', destination: 'b' },
      hot,
    );
    for (const { value, low, high } of Object.values(lostBits)) expect([low, high]).toEqual([value, value]);
  });
});

describe('against the simulator, which shares no code with the model', () => {
  it('both lie in their intervals nine times of ten or more', { timeout: 60_000 }, () => {
    const shipped = shippedPolicy('default.yaml');
    const tried = allCells().flatMap((cell, index) => {
      if (index % 5 !== 0) return [];
      const policy = { ...shipped, priorities: { ...shipped.priorities, default: cell.priority, rules: [] } };
      return TECHNIQUES.flatMap((technique) => {
        const random = randomFrom(index);
        const world = worldOf(cell, policy, random);
        const scene = { ...sceneOf(cell, world, policy, 60), inboundFollows: index % 2 === 0 };
        const outcome = simulate(technique, scene, random);
        const reservation = reservationOf(world, policy, cell.priority, MIGRATION);
        const estimates = forecast(world, policy, MIGRATION, reservation)?.estimates;
        const estimate = estimates?.find((each) => each.technique === technique);
        return estimate?.ends === 'completed' && !outcome.censored ? [{ outcome, estimate }] : [];
      });
    });
    expect(tried.length).toBeGreaterThan(50);
    const share = (of: (each: (typeof tried)[number]) => boolean) => tried.filter(of).length / tried.length;
    expect(share(({ outcome, estimate }) => contains(estimate.iterations, outcome.passes))).toBeGreaterThanOrEqual(0.9);
    expect(share(({ outcome, estimate }) => contains(together(estimate), outcome.lostBits))).toBeGreaterThanOrEqual(
      0.9,
    );
  });
});

/** The simulator counts all flows together. */
function together({ lostBits: { sourceTx, destinationRx, vm } }: Estimates): Pick<Estimate, 'low' | 'high'> {
  return { low: sourceTx.low + destinationRx.low + vm.low, high: sourceTx.high + destinationRx.high + vm.high };
}
