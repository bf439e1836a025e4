/** A strict reader of Prometheus' text format 0.0.4: throws at whatever its page or `promtool check metrics` forbids. */

export interface ReadSample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface ReadFamily {
  type: string;
  samples: ReadSample[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;
const SUFFIXES = /_(bucket|sum|count)$/;

export function readExposition(text: string): Map<string, ReadFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, ReadFamily>();
  const seen = new Set<string>();
  let helped = '';
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const help = new RegExp(`^# HELP (${NAME}) (\\S.*)$`).exec(line);
    if (help) {
      if (families.has(help[1] ?? '')) throw new Error(`family twice: ${line}`);
      helped = help[1] ?? '';
      continue;
    }
    const type = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(line);
    if (type) {
      current = type[1] ?? '';
      if (current !== helped) throw new Error(`TYPE without its HELP: ${line}`);
      const counter = type[2] === 'counter';
      if (counter !== current.endsWith('_total'))
        throw new Error(`a counter, and nothing else, ends in _total: ${line}`);
      if (/_(milliseconds|ms|bits|kilobytes|percent)(_|$)/.test(current)) throw new Error(`no base unit: ${line}`);
      families.set(current, { type: type[2] ?? '', samples: [] });
      continue;
    }
    const sample = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`).exec(line);
    if (sample === null) throw new Error(`not a line of the format: ${line}`);
    const [, name = '', labelText = '', valueText = ''] = sample;
    const family = families.get(current);
    const base = family?.type === 'histogram' ? name.replace(SUFFIXES, '') : name;
    if (family === undefined || base !== current) throw new Error(`outside of its family: ${line}`);
    const value = valueText === '+Inf' ? Number.POSITIVE_INFINITY : Number(valueText);
    if (Number.isNaN(value) || valueText === '') throw new Error(`not a number: ${line}`);
    if (family.type === 'counter' && value < 0) throw new Error(`a counter below nothing: ${line}`);
    const labels = readLabels(labelText, line);
    const series = `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
    if (seen.has(series)) throw new Error(`series twice: ${line}`);
    seen.add(series);
    family.samples.push({ name, labels, value });
  }
  for (const [name, { type, samples }] of families) if (type === 'histogram') checkBuckets(name, samples);
  return families;
}

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (text !== '' && LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`not labels: ${line}`);
    const [, key = '', value = ''] = match;
    if (Object.hasOwn(labels, key)) throw new Error(`label twice: ${line}`);
    labels[key] = value.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
    if (match[3] === '' || LABEL.lastIndex === 0) break;
  }
  return labels;
}

/** Buckets grow with their bound, and the last one is the count. */
function checkBuckets(name: string, samples: ReadSample[]): void {
  const key = ({ labels: { le: _, ...rest } }: ReadSample) => JSON.stringify(rest);
  for (const total of samples.filter((sample) => sample.name === `${name}_count`)) {
    const buckets = samples.filter((sample) => sample.name === `${name}_bucket` && key(sample) === key(total));
    const values = buckets.map(({ value }) => value);
    if (values.some((value, index) => value < (values[index - 1] ?? 0))) throw new Error(`${name} shrinks`);
    const last = buckets.at(-1);
    if (last?.labels.le !== '+Inf' || last.value !== total.value) throw new Error(`${name} does not end in +Inf`);
  }
}
