/** Random courses of arrivals, played to their ends by the controller's planner: that nobody starves. */
import fc from 'fast-check';
import { agesAtMs, courses, type OpenCourse, starved } from '../../unit/controller/plan/ageing.ts';
import { type Forward, playForward } from '../../unit/controller/plan/forward.ts';
import { mean } from './files.ts';
import { Tally } from './tally.ts';

/** Prints what was seen; returns the first course that broke a rule, made smaller, if there is one. */
export function benchForward(count: number, seed: number): string[] {
  const tally = new Tally();
  const pastAgeSeconds: number[] = [];
  const property = fc.property(courses, (course) => {
    const forward = playForward(course);
    const [fault] = [...forward.breaches, ...starved(course, forward.lives)];
    if (fault) throw new Error(fault);
    pastAgeSeconds.push(...note(tally, course, forward));
  });
  const began = performance.now();
  const result = fc.check(property, { numRuns: count, seed, includeErrorInReport: true });
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `\n${result.numRuns} random courses played to their ends in ${seconds.toFixed(0)} s (seed ${seed}): ${result.failed ? 'a fault' : 'no rule broken in any round, nobody starves'}`,
  );
  tally.print();
  const longest = pastAgeSeconds.reduce((most, each) => Math.max(most, each), 0);
  console.log(
    `  those that waited beyond maxWait, for what ran and who came before: ${mean(pastAgeSeconds).toFixed(0)} s more in the mean, ${longest.toFixed(0)} s at most`,
  );
  return result.failed ? [fc.defaultReportMessage(result) ?? 'a fault'] : [];
}

/** @returns how long each that waited longer than `maxWait` waited beyond it, s. */
function note(tally: Tally, course: OpenCourse, { lives, rounds }: Forward): number[] {
  tally.add('played', 'rounds', rounds);
  tally.add('played', 'migrations', lives.length);
  if (course.policy.windows.length > 0) tally.add('played', 'courses with a window');
  return lives.flatMap((life) => {
    const startMs = life.startMs ?? Number.POSITIVE_INFINITY;
    const agedMs = agesAtMs(course, life);
    if (startMs < agedMs) {
      tally.add('started', 'before maxWait');
      return [];
    }
    tally.add('started', startMs === agedMs ? 'at maxWait' : 'later than maxWait');
    tally.add('of those that waited so long', life.priority);
    const overtaken = lives.filter(
      ({ links, atMs, startMs: at }) =>
        links.some((link) => life.links.includes(link)) && atMs > life.atMs && (at ?? 0) > startMs,
    );
    if (overtaken.length > 0) tally.add('of those that waited so long', 'start before some that came later');
    return [(startMs - agedMs) / 1000];
  });
}
