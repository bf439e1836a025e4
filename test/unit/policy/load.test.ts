import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatPolicyError, parsePolicy } from '../../../plugin/policy/load.ts';

const SEED = readFileSync(new URL('../../../policies/seed.yaml', import.meta.url), 'utf8');

function errorsOf(text: string): string[] {
  const parsed = parsePolicy(text, '/etc/drover/evil.yaml');
  return 'errors' in parsed ? parsed.errors.map(formatPolicyError) : [];
}

/** seed.yaml with one thing changed, and the line and column where the new text begins. */
function changed(from: string, to: string): { text: string; at: string } {
  const offset = SEED.indexOf(from);
  if (offset < 0 || SEED.indexOf(from, offset + 1) >= 0) throw new Error(`"${from}" must stand once in seed.yaml`);
  const before = SEED.slice(0, offset).split('\n');
  return { text: SEED.replace(from, () => to), at: `${before.length}:${(before.at(-1) ?? '').length + 1}` };
}

describe('parsePolicy', () => {
  it('reads seed.yaml, in plain numbers, and names it by its content', () => {
    const parsed = parsePolicy(SEED, 'policies/seed.yaml');
    expect(parsed).toMatchObject({
      policy: {
        id: expect.stringMatching(/^seed\.yaml@[0-9a-f]{8}$/),
        contention: { moderate: 0.4, high: 0.7, hysteresis: 0.05 },
        clusters: { idle: 0.01 },
        batchWindowMs: 1000,
        maxWaitMs: 1_800_000,
        downtimeMs: 300,
        stale: { technique: 'pre-copy', strategy: 'serial', maxAgeMs: 10_000 },
        postCopyGate: { linkLostWithinMs: 600_000 },
        floor: { kind: 'share', fraction: 0.01 },
      },
    });
    expect(parsePolicy(`${SEED}\n`, 'seed.yaml')).not.toMatchObject({
      policy: { id: 'policy' in parsed && parsed.policy.id },
    });
  });

  it('names line, column, path and what to do', () => {
    const { text, at } = changed('moderate: 40 %', 'moderate: 40');
    const [line, column] = at.split(':').map(Number);
    expect(errorsOf(text)).toEqual([
      `evil.yaml:${line}:${(column ?? 0) + 'moderate: '.length}: contention.moderate: "40" is not a share: write 0 to 100 with its sign, like 40 %`,
    ]);
  });

  // What is changed in seed.yaml; where the error is, as an offset from the changed place; what it says.
  it.each([
    [
      'an unknown key',
      'batchWindow: 1 s',
      'batchWindows: 1 s\nbatchWindow: 1 s',
      0,
      'batchWindows: there is no such key',
    ],
    [
      'an unknown key in a row',
      '{ contention: low, technique: pre-copy }',
      '{ contention: low, techniqe: pre-copy, technique: pre-copy }',
      19,
      'technique[7].techniqe: there is no such key',
    ],
    ['an unknown tag', 'batchWindow: 1 s', 'batchWindow: !!js/function 1 s', 13, 'the policy language has no tags'],
    ['a duplicate key', 'maxWait: 30 min', 'batchWindow: 2 s\nmaxWait: 30 min', 0, 'this key stands twice'],
    ['not a number', '{ parallelPerLink: 4 }', '{ parallelPerLink: .nan }', 19, '.nan is not a number'],
    ['infinity', '{ parallelPerLink: 4 }', '{ parallelPerLink: .inf }', 19, '.inf is not a number'],
    ['an octal-looking number', '{ parallelPerLink: 4 }', '{ parallelPerLink: 010 }', 19, '010 would be read as 10'],
    [
      'a rounded integer',
      '{ parallelPerLink: 4 }',
      '{ parallelPerLink: 12345678901234567890 }',
      19,
      'would be read as',
    ],
    ['a fraction', '{ parallelPerLink: 4 }', '{ parallelPerLink: 1.5 }', 19, 'whole number'],
    ['__proto__', 'batchWindow: 1 s', '__proto__: { x: 1 }\nbatchWindow: 1 s', 0, '__proto__ is not allowed'],
    ['a merge key', 'batchWindow: 1 s', '<<: { x: 1 }\nbatchWindow: 1 s', 0, 'merge keys are not part'],
    [
      'a number as key',
      '{ lower: 20 %, upper: 60 % }',
      '{ lower: 20 %, upper: 60 %, 7: x }',
      28,
      'a key must be a text',
    ],
    [
      'lower above upper',
      '{ lower: 20 %, upper: 60 % }',
      '{ lower: 70 %, upper: 60 % }',
      9,
      'limits.default.lower: lower is above upper',
    ],
    [
      'mixed units',
      '{ lower: 20 %, upper: 60 % }',
      '{ lower: 20 %, upper: 300 Mbit }',
      22,
      'limits.default.upper: lower and upper have mixed units',
    ],
    [
      'no unit',
      '{ lower: 20 %, upper: 60 % }',
      '{ lower: 20 %, upper: 300 }',
      22,
      'limits.default.upper: "300" is not a bandwidth',
    ],
    ['bytes', '{ lower: 20 %, upper: 60 % }', '{ lower: 20 %, upper: 300 MB }', 22, '"300 MB" is not a bandwidth'],
    [
      'an ambiguous unit',
      '{ lower: 20 %, upper: 60 % }',
      '{ lower: 20 %, upper: 300 mbit }',
      22,
      '"300 mbit" is not a bandwidth',
    ],
    [
      'above the whole',
      '{ lower: 20 %, upper: 60 % }',
      '{ lower: 20 %, upper: 160 % }',
      22,
      '"160 %" is not a bandwidth',
    ],
    ['a negative amount', 'floor: 1 %', 'floor: -1 %', 7, 'floor: "-1 %" is not a bandwidth'],
    ['strict neither true nor false', 'strict: false', 'strict: maybe', 8, 'strict: write true or false'],
    [
      'a chooser of destinations that there is not',
      'destination: keep',
      'destination: nearest',
      13,
      'destination: must be one of keep, least-contended',
    ],
    ['no floor', 'floor: 1 %', 'floor: 0 %', 7, 'lets a low-priority migration run for ever'],
    ['next to no floor', 'floor: 1 %', 'floor: 1 bit', 7, 'write at least 1 % or 1 Mbit'],
    ['a floor of all', 'floor: 1 %', 'floor: 100 %', 7, 'floor: so high a floor takes from the workload'],
    ['all for the workload', 'lower: 20 %, upper: 60 %', 'lower: 100 %, upper: 100 %', 7, 'leaves a migration nothing'],
    ['nobody who is not idle', 'idle: 1 %', 'idle: 100 %', 6, 'clusters.idle: a VM that fills so much'],
    ['samples that are always too old', 'maxAge: 10 s', 'maxAge: 0 s', 8, 'stale.maxAge: hostd samples once a second'],
    ['samples of yesterday', 'maxAge: 10 s', 'maxAge: 24 h', 8, 'stale.maxAge: traffic of so long ago'],
    ['ageing at once', 'maxWait: 30 min', 'maxWait: 1 s', 9, 'maxWait: is no longer than batchWindow'],
    [
      'a deadline of now',
      'floor: 1 %',
      'deadlines: { default: { low: 1 ms } }\nfloor: 1 %',
      null,
      'deadlines.default.low: no migration is over so soon',
    ],
    ['time without unit', 'downtime: 300 ms', 'downtime: 300', 10, 'downtime: "300" is not a time'],
    [
      'a word that is none',
      'default: medium',
      'default: urgent',
      9,
      'priorities.default: must be one of high, medium, low',
    ],
    ['an empty list', 'contention: [low, moderate]', 'contention: []', 12, 'an empty list matches nothing'],
    [
      'thresholds the wrong way round',
      'moderate: 40 %',
      'moderate: 80 %',
      10,
      'contention.moderate: moderate must lie above 0 % and below high',
    ],
    [
      'too much hysteresis',
      'hysteresis: 5 %',
      'hysteresis: 30 %',
      12,
      'contention.hysteresis: hysteresis must be smaller',
    ],
    ['a missing key', 'clusters: { idle: 1 % }', '', null, 'clusters: is missing: add it'],
    ['a missing time', 'maxWait: 30 min', '', null, 'maxWait: is missing: write a number with one of the units'],
    ['a time beyond all dates', 'maxWait: 30 min', 'maxWait: 999999999999 h', 9, 'is longer than a year'],
    ['a batch that never ends', 'batchWindow: 1 s', 'batchWindow: 61 min', 13, 'write at most 1 h'],
    [
      'a rule for everything',
      '{ metadata: { "drover:priority": low }, priority: low }',
      '{ priority: low }',
      0,
      'priorities.rules[2]: this rule selects nothing',
    ],
    ['another version', 'version: 1', 'version: 2', 9, 'version: '],
    [
      'a project id read as a number',
      'default: medium',
      'default: medium\n  rules: [{ project: 0123, priority: low }]',
      null,
      '0123 would be read as 123',
    ],
    ['two documents', 'maxWait: 30 min', 'maxWait: 30 min\n---', null, 'a policy file is one document'],
    ['a tab', 'default: medium', 'default: medium\n\tx: 1', null, 'tab'],
  ])('refuses %s', (_, from, to, offset, message) => {
    const { text, at } = changed(from, to);
    const errors = errorsOf(text);
    const [line, column] = at.split(':').map(Number) as [number, number];
    const place = offset === null ? '' : `evil.yaml:${line}:${column + offset}: `;
    const found = errors.find((error) => error.includes(message) && error.startsWith(place));
    expect(found, `${place}…${message} among\n${errors.join('\n')}`).toBeDefined();
  });

  it.each([
    [
      'priorities.rules[1].priority',
      '"drover:priority": medium }, priority: medium',
      '"drover:priority": medium }, priority: .nan',
    ],
    ['priorities.rules[1].metadata.drover:priority', '"drover:priority": medium }', '"drover:priority": !env HIGH }'],
    ['contention.high', 'high: 70 %,', 'high: 70 %, high: 60 %,'],
    ['limits.default', '{ lower: 20 %, upper: 60 % }', '{ lower: 20 %, upper: 60 %, 7: x }'],
    ['limits.default.<<', '{ lower: 20 %, upper: 60 % }', '{ lower: 20 %, upper: 60 %, <<: { x: 1 } }'],
    ['strategy[1].contention[1]', '[low, moderate], strategy', '[low, 0x1f], strategy'],
    ['clusters.idle', 'clusters: { idle: 1 % }', 'clusters: { idle: *nobody }'],
  ])('names the path of what YAML itself refuses: %s', (path, from, to) => {
    expect(errorsOf(changed(from, to).text)).toEqual([expect.stringMatching(/^evil\.yaml:\d+:\d+: \S+: /)]);
    expect(errorsOf(changed(from, to).text)[0]?.split(': ')[1]).toBe(path);
  });

  it.each([
    ['a tab', SEED.replace('  - { priority: high, strategy', '\t- { priority: high, strategy'), 'use spaces'],
    ['ends of lines of old Macs', SEED.replaceAll('\n', '\r'), 'its lines end with CR alone'],
    ['a key that lost its indentation', SEED.replace('  default: medium', 'default: medium'), 'indented too little'],
    ['a key without its space', SEED.replace('maxWait: 30', 'maxWait:30'), 'the space behind a colon missing'],
  ])('says of %s once what to do', (_, text, message) => {
    expect(errorsOf(text)).toEqual([expect.stringContaining(message)]);
  });

  it('refuses YAML 1.1, in which yes is true and 22:00 a number', () => {
    const text = `%YAML 1.1\n---\n${SEED.replace('strict: false', 'strict: yes')}`;
    expect(errorsOf(text)).toEqual([expect.stringMatching(/^evil\.yaml:1:1: YAML 1\.1 .*: delete the line %YAML/)]);
    expect(errorsOf(`%YAML 1.2\n---\n${SEED}`)).toEqual([]);
  });

  it('demands a decision for every cell of both tables, and a use for every row', () => {
    const open = changed('  - { contention: low, technique: pre-copy }\n', '');
    expect(errorsOf(open.text)).toEqual([
      expect.stringContaining(
        'technique: 36 combination(s) are not decided, the first is contention low, priority high, cluster inbound, scenario in-in',
      ),
    ]);
    const gap = changed('  - { priority: medium, contention: high, strategy: serial } # *\n', '');
    expect(errorsOf(gap.text)).toEqual([
      expect.stringMatching(/strategy: 1 combination.*contention high, priority medium/),
    ]);
    const row = '  - { contention: high, priority: low, technique: hybrid-copy }\n';
    const twice = changed(row, row + row);
    expect(errorsOf(twice.text)).toEqual([expect.stringMatching(/technique\[4\]: this row can never be reached/)]);
  });

  it('tells every error at once, in the order of the file', () => {
    const text = SEED.replace('version: 1', 'version: 3')
      .replace('default: medium', 'default: urgent')
      .replace('lower: 20 %', 'lower: 90 %')
      .replace('high: 70 %', 'high: 70')
      .replace('downtime: 300 ms', 'downtime: 300\nextra: 1');
    const lines = errorsOf(text).map((error) => Number(error.split(':')[1]));
    expect(lines).toHaveLength(6);
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
  });

  it('tells what is wrong between values that are right, beside what is wrong in itself', () => {
    const rules = `  rules:
    - { name: a*, priority: high }
    - { name: "*b", priority: low }
    - { name: 3, priority: lo }
`;
    const priorities = SEED.slice(SEED.indexOf('priorities:'), SEED.indexOf('# What workload traffic'));
    const text = SEED.replace(priorities, `priorities:\n  default: medium\n${rules}`).replace(
      'maxWait: 30 min',
      'maxWait: 1 s',
    );
    const line = (of: string) => text.slice(0, text.indexOf(of)).split('\n').length;
    expect(errorsOf(text)).toEqual([
      expect.stringMatching(
        `^evil\\.yaml:${line('name: "*b"')}:7: priorities\\.rules\\[1\\]: as specific as .* says high, this one low.* priorities\\.rules\\[0\\] at evil\\.yaml:${line('name: a*')}:7$`,
      ),
      `evil.yaml:${line('name: 3')}:15: priorities.rules[2].name: is not a text: write it in quotes`,
      `evil.yaml:${line('name: 3')}:28: priorities.rules[2].priority: must be one of high, medium, low`,
      expect.stringMatching(`^evil\\.yaml:${line('maxWait:')}:10: maxWait: is no longer than batchWindow`),
    ]);
  });

  // In the order of the pairs: what is wrong beside it, then what is wrong between values that are right.
  it.each([
    [
      'limits',
      'limits:\n  default: { lower: 20 %, upper: 60 % }',
      'limits: { default: { lower: 70 %, upper: 60 %, x: 1 }, nics: { eth0: { lower: 0 %, upper: 60 } } }',
      ['limits.default.lower', 'limits.default.x', 'limits.nics.eth0.lower', 'limits.nics.eth0.upper'],
    ],
    [
      'limits of a host',
      'limits:\n  default: { lower: 20 %, upper: 60 % }',
      'limits: { default: { lower: 20 %, upper: 60 % }, hosts: { a: { lower: 1, nics: { b: 1 } }, c: { lowr: 1 % } } }',
      ['limits.hosts.a', 'limits.hosts.a.lower', 'limits.hosts.a.nics.b', 'limits.hosts.c.lowr'],
    ],
    [
      'contention',
      'moderate: 40 %, high: 70 %, hysteresis: 5 %',
      'moderate: 80 %, high: 70 %, hysteresis: 5',
      ['contention.moderate', 'contention.hysteresis'],
    ],
    ['clusters', '{ idle: 1 % }', '{ idle: 1, fuzzifier: 2 }', ['clusters.idle', 'clusters.fuzzifier']],
    [
      'a window',
      'strict: false',
      'strict: false\nwindows: [{ priority: lo, from: "22:00", to: "00:00", timeZone: UTC }, { priority: low, from: "24:00", to: 3, timeZone: UTC }]',
      ['windows[0].priority', 'windows[0].to', 'windows[1].from', 'windows[1].to'],
    ],
    ['order', 'strict: false', 'strict: false\norder: [deadline, deadline, x]', ['order', 'order[2]']],
    [
      'deadlines',
      'strict: false',
      'strict: false\ndeadlines: { default: { high: 2, low: 3 h }, max: 1 h, admission: x }',
      ['deadlines.default.high', 'deadlines.default.low', 'deadlines.admission'],
    ],
    [
      'rules that select nothing',
      'linkLostWithin: 10 min',
      'linkLostWithin: 10 min, never: [{}, { nme: x }]',
      ['postCopyGate.never[0]', 'postCopyGate.never[1].nme'],
    ],
    [
      'prediction',
      SEED.slice(SEED.indexOf('technique:\n'), SEED.indexOf('\nstrategy:')),
      'technique: { predict: { weights: { high: { time: 1 }, medium: { time: -1 }, low: {} }, maxDowntime: 2 s, maxStall: 1 s } }',
      ['technique.predict.weights.medium.time', 'technique.predict.weights.low', 'technique.predict.maxStall'],
    ],
  ])('compares the right values of %s though others are wrong', (_, from, to, paths) => {
    expect(errorsOf(changed(from, to).text).map((error) => error.split(': ')[1])).toEqual(paths);
  });

  it('names every rule that one contradicts', () => {
    const { text } = changed(
      'default: medium\n  rules:',
      'default: medium\n  rules:\n    - { name: a*, priority: high }\n    - { name: "*b", priority: medium }\n    - { name: "*c*", priority: low }',
    );
    const [second, third, ...more] = errorsOf(text);
    expect(more).toEqual([]);
    expect(second).toMatch(
      /rules\[1\]: .* says high, this one medium: .* the other is priorities\.rules\[0\] at [^ ]*$/,
    );
    expect(third).toMatch(
      /rules\[2\]: .* says high or medium, this one low: .* the other is priorities\.rules\[0\] at \S* and priorities\.rules\[1\] at \S*$/,
    );
  });

  it('judges a table by what its rows match, though what one decides is wrong', () => {
    const row = '  - { contention: high, priority: low, technique: hybrid-copy }\n';
    const below = changed(row, row + row.replace('hybrid-copy', 'hybrid'));
    expect(errorsOf(below.text)).toEqual([
      expect.stringContaining('technique[4]: this row can never be reached'),
      expect.stringContaining('technique[4].technique: must be one of'),
    ]);
    // What it matches is not known: it may be all that is not decided.
    const unknown = changed(row, row.replace('priority: low', 'priority: lo'));
    expect(errorsOf(unknown.text)).toEqual([expect.stringContaining('technique[3].priority: must be one of')]);
    const open = changed(
      '  - { contention: low, technique: pre-copy }\n',
      '  - { contention: moderate, technique: x }\n',
    );
    expect(errorsOf(open.text).map((error) => error.split(': ')[1])).toEqual([
      'technique',
      'technique[7]',
      'technique[7].technique',
    ]);
  });

  it.each([
    ['nothing', ''],
    ['only a comment', '# nothing yet\n'],
    ['a list', '- 1\n'],
    ['a word', 'hello\n'],
    ['broken syntax', 'version: [1\nlimits: {'],
    ['an alias to itself', 'version: &a [*a]\n'],
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
        .split('')
        .map((k, i) => `${k}: &${k} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(',')}]`)
        .join('\n')}\n`,
    ],
    ['deep nesting', '['.repeat(5000)],
    ['nesting without end', '['.repeat(50_000)],
    ['too much of it', `${SEED}#${' '.repeat(2 ** 20)}\n`],
    ['binary', '\u0000\u0001\ufffd'],
  ])('answers with errors, not with an exception, to %s', (_, text) => {
    expect(errorsOf(text).length).toBeGreaterThan(0);
  });

  it.each([
    ['['.repeat(50_000)],
    [`${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    ['- '.repeat(50_000)],
    ['{ a: '.repeat(50_000)],
  ])('says of a document that is nested 50,000 deep that it is, once (%#)', (text) => {
    expect(errorsOf(text)).toEqual([expect.stringMatching(/^evil\.yaml:1:\d+: nested too deep to be read: /)]);
  });

  it('refuses every truncation of seed.yaml that loses a value', () => {
    const end = SEED.indexOf('linkLostWithin: 10 min }') + 'linkLostWithin: 10 min }'.length;
    for (let length = 0; length < end; length += 29) expect(errorsOf(SEED.slice(0, length))).not.toEqual([]);
  });
});
