/** Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */

export type Labels = Readonly<Record<string, string>>;

export interface Family {
  /** With its unit, base units only (seconds, bytes); a counter's ends in `_total`. */
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  samples: readonly { labels?: Labels; value: number }[];
}

export interface Histogram {
  name: string;
  type: 'histogram';
  help: string;
  /** `counts` has one entry for each bound and one more for what is above all of them. */
  samples: readonly { labels?: Labels; bounds: readonly number[]; counts: readonly number[]; sum: number }[];
}

/** Longer label values are cut: a name given by a tenant must not make the answer grow. */
const MAX_LABEL_LENGTH = 128;

export function exposition(families: readonly (Family | Histogram)[]): string {
  return families.map((family) => `${header(family)}${lines(family).join('')}`).join('');
}

function header({ name, type, help }: Family | Histogram): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
}

function lines(family: Family | Histogram): string[] {
  const { name } = family;
  if (family.type !== 'histogram') return family.samples.map(({ labels, value }) => line(name, labels, value));
  return family.samples.flatMap(({ labels, bounds, counts, sum }) => {
    let below = 0;
    const buckets = counts.map((count, index) => {
      below += count;
      return line(`${name}_bucket`, { ...labels, le: number(bounds[index] ?? Number.POSITIVE_INFINITY) }, below);
    });
    return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, below)];
  });
}

function line(name: string, labels: Labels = {}, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${number(value)}\n`;
}

function escapeLabel(text: string): string {
  return text
    .slice(0, MAX_LABEL_LENGTH)
    .toWellFormed()
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n');
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
