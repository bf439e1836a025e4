import { afterAll, beforeAll, expect, test } from 'vitest';
import { someOf, wholeCorpus } from '../bench/differential/corpus.ts';
import { renderDifficulty } from '../bench/differential/report.ts';
import { type Report, runComparison } from '../bench/differential/run.ts';
import { Scene } from '../bench/differential/scene.ts';
import { Stage } from './stage.ts';

/** The short form of `npm run bench:differential`: some of each kind, and all stories. */
const REQUESTS = 150;
let stage: Stage;
let scene: Scene;
let report: Report;

beforeAll(async () => {
  stage = await Stage.start({});
  scene = await Scene.set(stage.lab);
  const requests = someOf(wholeCorpus(7, 300), REQUESTS);
  report = await runComparison(stage.lab, { requests, stories: true, values: scene.values });
});
afterAll(async () => {
  await scene?.strike();
  await stage?.stop();
});

test('Nova and Drover give the same status, header and body, but for what is named in exceptions.ts', () => {
  const counts = [...report.compared.values()].map(({ count }) => count);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100);
  expect(report.differing.map(renderDifficulty)).toEqual([]);
});

test('the fields of a header come in the same order', () => {
  expect(report.reordered.map(renderDifficulty)).toEqual([]);
});

test('few answers are never twice the same, so that the comparison says something', () => {
  for (const [source, { count, volatile }] of report.compared) expect(volatile, source).toBeLessThan(count / 4 + 2);
});
