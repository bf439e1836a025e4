import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Store } from '../../../plugin/controller/store/store.ts';
import { runDrover } from './command.ts';
import { recordDecisions } from './recorded.ts';

// Each starts the real command, which takes many times longer where all tests share the processors.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 30_000 });

const POLICIES = join(import.meta.dirname, '../../../policies');
const SEED = readFileSync(join(POLICIES, 'seed.yaml'), 'utf8');

let folder = '';
let seed = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-policy-cli-'));
  seed = put('seed.yaml', SEED);
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function drover(...args: string[]) {
  return runDrover(['policy', ...args]);
}

describe('drover policy check', () => {
  it('names the policy that the files make together', async () => {
    const site = put('site.yaml', 'maxWait: 5 min\n');
    expect(await drover('check', seed, site)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^seed\.yaml\+site\.yaml@[0-9a-f]{8} is valid: 3 priority rules, 8 technique rows at seed\.yaml:\d+:3, 5 strategy rows at seed\.yaml:\d+:3\n$/,
      ),
    });
  });

  it('ends with 1 and every error of every file', async () => {
    const site = put('site.yaml', 'maxWait: 5\nmaxWiat: 5 s\n');
    const { code, stdout, stderr } = await drover('check', seed, site);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      'drover: 2 error(s)',
      expect.stringMatching(/^site\.yaml:1:10: maxWait: "5" is not a time/),
      'site.yaml:2:1: maxWiat: there is no such key: did you mean maxWait?',
      '',
    ]);
    expect(await drover('check', join(folder, 'none.yaml'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/none\.yaml:1:1: cannot be read: ENOENT.*: check its path\n/),
    });
  });

  it('warns of what is valid and does nothing, at its place, and ends with 0', async () => {
    const site = put(
      'site.yaml',
      [
        'windows: [{ priority: low, from: "22:00", to: "22:20", timeZone: UTC }]',
        'priorities: { rules: [{ project: "p*", priority: low }, { name: "*", priority: high }] }',
        '',
      ].join('\n'),
    );
    const { code, stdout, stderr } = await drover('check', seed, site);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(' is valid: 5 priority rules') });
    expect(stderr.split('\n')).toEqual([
      expect.stringMatching(
        /^drover: warning: site\.yaml:2:23: priorities\.rules\[3\]: never decides: the rule at site\.yaml:2:/,
      ),
      expect.stringMatching(/^drover: warning: site\.yaml:1:11: windows\[0\]: low may start for at most 20 min on end/),
      '',
    ]);
    expect((await drover('explain', seed, site, '--vm', 'x')).stderr).toBe(stderr);
    put('a.test.yaml', 'policy: [seed.yaml, site.yaml]\ncases: [{ name: x, given: {}, expect: { priority: high } }]\n');
    put('b.test.yaml', 'policy: [seed.yaml, site.yaml]\ncases: [{ name: y, given: {}, expect: { priority: high } }]\n');
    expect(await drover('test', folder)).toMatchObject({ code: 0, stderr });
  });

  it.each(['seed.yaml', 'default.yaml'])('has no warning of the shipped %s', async (name) => {
    expect(await drover('check', join(POLICIES, name))).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('drover policy explain', () => {
  it('tells the rule, which others lost, the window, the limits with their places, and the decision', async () => {
    const site = put(
      'site.yaml',
      [
        'priorities: { rules: [{ project: p1, metadata: { "drover:priority": high }, priority: low }] }',
        'windows: [{ priority: low, from: "22:00", to: "06:00", timeZone: Europe/Berlin }]',
        'limits: { hosts: { c1: { lower: 100 Mbit, upper: 300 Mbit } } }',
        '',
      ].join('\n'),
    );
    const facts = ['--vm', 'db', '--project', 'p1', '--metadata', 'drover:priority=high', '--host', 'c1', '--to', 'c2'];
    const traffic = ['--sends', '500 Mbit', '--at', '2026-11-24T12:00:00+01:00'];
    const { code, stdout } = await drover('explain', seed, site, ...facts, ...traffic);
    expect(code).toBe(0);
    expect(stdout).toContain(
      '  priority    low\n    because   rule at site.yaml:1:23 (metadata drover:priority=high, project p1): low',
    );
    expect(stdout).toMatch(
      / {4}not {7}rule at seed\.yaml:\d+:7 \(metadata drover:priority=high\): high; 2 selectors against 1\n/,
    );
    expect(stdout).toContain('starts      not before 2026-11-24T21:00:00.000Z');
    expect(stdout).toContain('c1 tx: at least 100 Mbit/s, at most 300 Mbit/s (limits.hosts.c1 at site.yaml:3:24)');
    expect(stdout).toMatch(/c2 rx: at least 200 Mbit\/s, at most 600 Mbit\/s \(limits\.default at seed\.yaml:\d+:12\)/);
    expect(stdout).toMatch(
      / {2}technique {3}pre-copy, serial; predicted TMT [\d.]+ s, downtime \d+ ms, longest stall \d+ ms\n/,
    );
    expect(stdout).toMatch(
      / {4}likely {4}TMT [\d.]+ s to [\d.]+ s, .*, passes \d+ to \d+, workloads lose [\d.]+ Gbit to [\d.]+ Gbit \(nine times of ten\)\n/,
    );
    expect(stdout).toContain('    not       post-copy: no row that matches names post-copy [no-row]');
    const place = (row: string) => {
      const before = SEED.slice(0, SEED.indexOf(row)).split('\n');
      return `seed.yaml:${before.length}:${(before.at(-1) ?? '').length + 1}`;
    };
    const [technique, strategy] = [
      place('{ contention: moderate, cluster: outbound'),
      place('{ priority: low, contention: [moderate, high]'),
    ];
    expect(stdout).toContain(`row 6 at ${technique}: contention moderate, priority low`);
    expect(stdout).toContain(`strategy row 5 at ${strategy}: priority low`);
    expect(stdout).toContain('    not       parallel: no row that matches names parallel [no-row]');
    expect(stdout).toContain(
      "because   the workload keeps all but the migration's floor of 10 Mbit/s [migration-floor]",
    );
    expect(stdout).toMatch(/reserved {4}c1 tx: migration 10 Mbit\/s, workload 990 Mbit\/s\n.*\n {4}not {7}as high, /);
  });

  it('tells what becomes of a deadline', async () => {
    const site = put('site.yaml', 'deadlines: { admission: refuse }\n');
    const at = ['--vm', 'db', '--sends', '100 Mbit', '--memory', '4 GiB', '--at', '2026-11-24T12:00:00Z'];
    const admission = async (...deadline: string[]) => (await drover('explain', seed, site, ...at, ...deadline)).stdout;
    expect(await admission()).not.toContain('admission');
    expect(await admission('--deadline', '2 h')).toMatch(
      /deadline {4}2026-11-24T14:00:00.000Z.*\n {2}admission {3}accepted\n/,
    );
    expect(await admission('--deadline', '2026-11-24T12:00:05Z')).toMatch(
      /admission {3}refused\n {4}because {3}it cannot be over before 2026-11-24T12:00:\d\d.*\[deadline-unreachable\]/,
    );
    expect(await drover('explain', seed, ...at, '--deadline', 'soon')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('deadline: is neither a time like 30 min nor a moment'),
    });
  });

  it('warns of traffic that the link cannot carry, and decides all the same', async () => {
    const { code, stdout, stderr } = await drover('explain', seed, '--vm', 'x', '--sends', '3 Gbit', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).decision.classification.contention).toBe('high');
    expect(stderr).toBe(
      'drover: warning: vm.sends: 3000 Mbit/s is more than the link of the source carries (1000 Mbit/s): give its rate as link, or less traffic\n',
    );
    const cases = put(
      'fast.test.yaml',
      'policy: seed.yaml\ncases: [{ name: x, given: { destination: { receives: 3 Gbit, link: 2 Gbit } }, expect: { priority: medium } }]\n',
    );
    expect((await drover('test', cases)).stderr).toContain(
      'case "x": destination.receives: 3000 Mbit/s is more than the link of the destination carries (2000 Mbit/s)',
    );
  });

  it('decides nothing without traffic, and says so', async () => {
    const { stdout } = await drover('explain', seed, '--vm', 'x', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      priority: 'medium',
      reason: { code: 'priority-default' },
      decision: null,
    });
  });

  it.each([
    [['--metadata', 'x'], 'write KEY=VALUE'],
    [['--at', 'noon'], 'at: is not a moment'],
    [['--sends', '300'], 'vm.sends: "300" is not a bandwidth'],
  ])('refuses %j', async (args, message) => {
    expect(await drover('explain', seed, '--vm', 'x', ...args)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(message),
    });
  });
});

describe('drover policy test', () => {
  it('passes the shipped cases of the shipped policies', async () => {
    const { code, stdout } = await drover('test', POLICIES);
    expect(stdout).toMatch(
      /default\.test\.yaml\n[\s\S]*\n9 passed, 0 failed\n.*seed\.test\.yaml\n[\s\S]*\n11 passed, 0 failed\n$/,
    );
    expect(code).toBe(0);
  });

  it('runs the cases of all other files, and tells what is wrong with one at the end', async () => {
    const wrong = put('a.test.yaml', 'policy: seed.yaml\ncases: []\n');
    const right = put(
      'b.test.yaml',
      'policy: seed.yaml\ncases: [{ name: x, given: {}, expect: { priority: medium } }]\n',
    );
    const { code, stdout, stderr } = await drover('test', wrong, right);
    expect(code).toBe(1);
    expect(stdout).toContain('1 passed, 0 failed');
    expect(stderr).toContain('a.test.yaml:2:8: cases: ');
  });

  it('refuses a directory without cases', async () => {
    expect(await drover('test', folder)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`there is no *.test.yaml file in ${folder}`),
    });
  });

  it('predicts from the dirty rate that a case gives', async () => {
    const text = (dirties: string, technique: string) =>
      `policy: ${join(POLICIES, 'default.yaml')}\ncases: [{ name: x, given: { vm: { memory: 1 GiB, dirties: ${dirties} } }, expect: { technique: ${technique} } }]\n`;
    const calm = await drover('test', put('calm.test.yaml', text('0 MiB', 'post-copy')));
    const busy = await drover('test', put('busy.test.yaml', text('200 MiB', 'post-copy')));
    expect(calm).toMatchObject({ code: 1, stdout: expect.stringContaining('expected post-copy, got hybrid-copy') });
    expect(busy).toMatchObject({ code: 0 });
  });

  it('shows what differs and why, and ends with 1', async () => {
    const cases = put(
      'site.test.yaml',
      [
        'policy: [seed.yaml, site.yaml]',
        'cases:',
        '  - { name: wrong, given: { vm: { sends: 800 Mbit } }, expect: { technique: post-copy, strategy: serial, limits: { source: { lower: 30 % } } } }',
        '  - { name: right, given: { vm: { name: db-1 } }, expect: { priority: high } }',
        '',
      ].join('\n'),
    );
    put('site.yaml', 'priorities: { rules: [{ name: db-*, priority: high }] }\n');
    const { code, stdout } = await drover('test', cases);
    expect(code).toBe(1);
    expect(stdout).toContain('  FAILED  wrong\n            technique: expected post-copy, got hybrid-copy\n');
    expect(stdout).toContain('            limits.source.lower: expected 300 Mbit, got 200 Mbit\n');
    expect(stdout).not.toContain('strategy: expected');
    expect(stdout).toMatch(/because row \d at seed\.yaml:\d+:5: /);
    expect(stdout).toMatch(/ok {6}right\n1 passed, 1 failed\n$/);
  });

  it('knows deadlines, and what is made of them', async () => {
    put('site.yaml', 'deadlines: { admission: refuse, max: 6 h }\n');
    const one = (deadline: string, expected: string) =>
      `  - { name: "${deadline}", given: { vm: { memory: 4 GiB }, deadline: ${deadline} }, expect: ${expected} }`;
    const cases = put(
      'site.test.yaml',
      [
        'policy: [seed.yaml, site.yaml]',
        'cases:',
        one('1 h', '{ admission: accept }'),
        one('10 s', '{ admission: refuse, reasons: deadline-unreachable }'),
        one('2026-01-05T12:00:40Z', '{ admission: warn, reasons: deadline-close }'),
        one('9 h', '{ admission: accept, reasons: deadline-shortened }'),
        one('20 s', '{ admission: accept }'),
        '',
      ].join('\n'),
    );
    const { code, stdout } = await drover('test', cases);
    expect(stdout).toContain('  FAILED  20 s\n            admission: expected accept, got refuse\n');
    expect(stdout).toMatch(/4 passed, 1 failed\n$/);
    expect(code).toBe(1);
  });

  it('refuses cases that are wrong themselves, with their places', async () => {
    const cases = put(
      'a.test.yaml',
      'policy: seed.yaml\ncases: [{ name: x, given: { vm: { send: 1 Mbit } }, expect: {} }]\n',
    );
    const { code, stderr } = await drover('test', cases);
    expect(code).toBe(1);
    expect(stderr).toContain('a.test.yaml:2:35: cases[0].given.vm.send: there is no such key: did you mean sends?');
    expect(stderr).toContain('cases[0].expect: this case expects nothing');
  });

  it.each([
    [
      'given: { deadline: 1 h, vm: { metadata: { "drover:deadline": 2026-01-05T13:00:00Z } } }, expect: { priority: low }',
      'cases[0].given.deadline: stands in the metadata',
    ],
    ['given: { deadline: tomorrow }, expect: { priority: low }', 'cases[0].given.deadline: is neither a time'],
    ['expect: { limits: {} }', 'cases[0].expect.limits: this expects nothing: name source or destination'],
    ['expect: { limits: { source: {} } }', 'cases[0].expect.limits.source: this expects nothing: name lower or upper'],
    ['given: { at: 2026-02-30T12:00Z }, expect: { priority: low }', 'cases[0].given.at: is not a moment'],
    [
      'given: { source: { name: a }, destination: { name: a } }, expect: { priority: low }',
      'cases[0].given.destination: is the source itself',
    ],
  ])('refuses %s', async (text, message) => {
    const given = text.startsWith('given') ? '' : 'given: {}, ';
    const cases = put('a.test.yaml', `policy: seed.yaml\ncases: [{ name: x, ${given}${text} }]\n`);
    expect(await drover('test', cases)).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
  });
});

describe('drover policy diff', () => {
  async function record(count: number): Promise<string> {
    const file = join(folder, 'drover.db');
    await recordDecisions(file, count);
    return file;
  }

  it('decides the recorded migrations again under both and shows what would differ', async () => {
    const history = await record(3);
    const changed = put(
      'new.yaml',
      SEED.replace('priority: high, technique: hybrid-copy', 'priority: high, technique: post-copy'),
    );
    const { code, stdout } = await drover('diff', seed, changed, '--history', history);
    expect(code).toBe(0);
    expect(stdout).toMatch(/│ 1 .*│ compute-1 │ compute-2 │ technique hybrid-copy → post-copy/);
    expect(stdout).toMatch(/2 of 2 recorded decisions would differ under new\.yaml@\w+ from seed\.yaml@/);
    expect(stdout).toMatch(/predicted for 2 of them together: TMT [\d.]+ s → [\d.]+ s, downtime \d+ ms → \d+ ms/);
    expect(stdout).toContain('1 were recorded without what they were decided from');
    const [first] = JSON.parse((await drover('diff', seed, changed, '--history', history, '--json')).stdout);
    expect(first).toMatchObject({
      migration: 1,
      changes: ['technique hybrid-copy → post-copy'],
      before: { technique: 'hybrid-copy' },
      after: { technique: 'post-copy' },
    });
  });

  it('says so when nothing would differ, while the plugin has the database open', async () => {
    const history = await record(2);
    const store = new Store(history);
    await store.start();
    const same = put('same.yaml', `# only a comment\n${SEED}`);
    const { stdout } = await drover('diff', seed, same, '--history', history);
    await store.stop();
    expect(stdout).toMatch(/^0 of 1 recorded decisions would differ/);
  });

  it('tells what is wrong in both policies at once, and of a name that is missing', async () => {
    const [a, b] = [put('a.yaml', 'maxWait: 5\n'), put('b.yaml', 'floor: 1\n')];
    const { code, stderr } = await drover('diff', a, b, '--history', join(folder, 'no.db'));
    expect(code).toBe(1);
    expect(stderr).toContain('a.yaml:1:10: maxWait: "5" is not a time');
    expect(stderr).toContain('b.yaml:1:8: floor: "1" is not a bandwidth');
    expect(await drover('diff', `${seed},`, seed, '--history', join(folder, 'no.db'))).toMatchObject({
      code: 1,
      stderr: 'drover: the name of a policy is empty: write FILE or FILE,FILE\n',
    });
  });

  it('refuses what is no database of a plugin', async () => {
    expect(await drover('diff', seed, seed, '--history', put('drover.db', SEED))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('file is not a database'),
    });
    expect(await drover('diff', seed, seed, '--history', join(folder, 'no.db'))).toMatchObject({ code: 1 });
    expect(await drover('diff', seed, seed, '--history', folder)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is a directory: --history takes the plugin's database"),
    });
  });
});
