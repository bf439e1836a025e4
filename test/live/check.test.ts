import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CheckReport } from '../../hostd/check/finding.ts';
import { Stage, WITHOUT_POST_COPY } from './stage.ts';

const MAIN = resolve(import.meta.dirname, '../../plugin/main.ts');
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.start({});
});
afterAll(() => stage?.stop());

test('drover-plugin check finds a real cloud in order, beside the plugin that runs there', async () => {
  const { lab, drover } = stage;
  const file = join(drover.folder, 'plugin.yaml');
  const { code, stdout } = await lab.runOn('control', [process.execPath, MAIN, 'check', '--json', '--config', file]);
  const report = CheckReport.parse(JSON.parse(stdout));
  const gaps = report
    .filter(({ state }) => state !== 'ok')
    .map(({ state, found }) => `${state} ${found.split(':')[0]}`);
  expect(gaps).toEqual([`warn ${WITHOUT_POST_COPY}`]);
  expect(code).toBe(0);
  const found = (name: string) => report.find(({ check }) => check === name)?.found;
  expect(found('hostd.names')).toBe('every nova-compute has its hostd (3)');
  expect(found('keystone.role')).toBe('admin, which may live migrate');
});
