import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { check } from '../../../bot/check.ts';
import { readConfig } from '../../../bot/config.ts';
import { exitStatus } from '../../../hostd/check/finding.ts';
import { SlackDouble } from '../../slack/double.ts';

const LOG = pino({ level: 'silent' });
let slack: SlackDouble;
let folder = '';

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-bot-check-'));
  slack = new SlackDouble();
  await slack.start();
});

afterEach(async () => {
  await slack.stop();
  rmSync(folder, { recursive: true });
});

function configured(text: string): string {
  const file = join(folder, 'bot.yaml');
  writeFileSync(file, text);
  return file;
}

const ENVIRONMENT = { SLACK_BOT_TOKEN: 'xoxb-test-bot', SLACK_APP_TOKEN: 'xapp-test-app' };

it('says of each thing whether it is there, and what to do', async () => {
  slack.workspace.closed.add('CPOLICY1');
  slack.workspace.groups.set('SOPS1', ['U1']);
  const config = {
    slack: { apiUrl: slack.apiUrl, policyChannel: 'CPOLICY1' },
    control: { api: { socket: 'control.sock' } },
    rights: [{ groups: ['SOPS1', 'SGONE1'], priorities: ['low'] }],
    database: 'bot.db',
  };
  const findings = await check(readConfig(configured(stringify(config)), ENVIRONMENT), LOG);
  const states = Object.fromEntries(findings.map(({ check: what, state }) => [what, state]));
  expect(states).toEqual({
    database: 'ok',
    'slack.token': 'ok',
    'slack.scopes': 'warn',
    'slack.socket': 'ok',
    'slack.policy-channel': 'fail',
    'rights.sops1': 'ok',
    'rights.sgone1': 'fail',
    'control.api': 'fail',
  });
  expect(findings.every(({ state, todo }) => state !== 'fail' || todo !== null)).toBe(true);
  expect(exitStatus(findings)).toBe(1);
});

it('names file, line and key of everything that is wrong in the configuration', () => {
  const file = configured(
    'slack:\n  policyChannel: "#ops"\ncontrol:\n  api: { url: "http://127.0.0.1:8776" }\nrights:\n  - users: [bob]\n    prioritys: [low]\n',
  );
  const read = () => readConfig(file, ENVIRONMENT);
  expect(read).toThrow(`${file}:2: slack.policyChannel`);
  expect(read).toThrow(`${file}:6: rights.0.users.0`);
  expect(read).toThrow(/:\d: rights\.0: .*prioritys/);
});

it('takes secrets from files or the environment, and never from the configuration', () => {
  const base = 'slack: {}\ncontrol: { api: { socket: control.sock } }\n';
  expect(() => readConfig(configured(base), { SLACK_BOT_TOKEN: 'x' })).toThrow(
    /appTokenFile is missing.*SLACK_APP_TOKEN/,
  );
  writeFileSync(join(folder, 'token'), ' secret \n');
  const file = configured(base.replace('{}', '{ botTokenFile: token }'));
  expect(readConfig(file, ENVIRONMENT).secrets).toMatchObject({ botToken: 'secret', appToken: 'xapp-test-app' });
  expect(() => readConfig(configured(`${base}botToken: x\n`), ENVIRONMENT)).toThrow(/:3: .*botToken/);
});
