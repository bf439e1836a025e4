import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import type { z } from 'zod';
import { type Policy, PolicyContent } from './schema.ts';

/** One thing wrong in a policy file; line and column count from 1. */
export interface PolicyError {
  file: string;
  line: number;
  column: number;
  /** Where in the document, e.g. `limits.default.lower`; empty for errors of the YAML itself. */
  path: string;
  /** What is wrong and what to do. */
  message: string;
}

export type ParsedPolicy = { policy: Policy } | { errors: PolicyError[] };

const MAX_TEXT = 1024 * 1024;

/** `seed.yaml:12:5: limits.default.lower: lower is above upper: ...` */
export function formatPolicyError({ file, line, column, path, message }: PolicyError): string {
  return `${file}:${line}:${column}: ${path ? `${path}: ` : ''}${message}`;
}

/** Reads a policy from its text. Pure; returns every error of the file at once, in the order of the file. */
export function parsePolicy(text: string, fileName: string): ParsedPolicy {
  const file = basename(fileName);
  if (text.length > MAX_TEXT) {
    return { errors: [{ file, line: 1, column: 1, path: '', message: `larger than ${MAX_TEXT} characters` }] };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const found: Found[] = [...document.errors, ...document.warnings].map(fromYaml);
  found.push(...odditiesOf(document));

  // Broken syntax yields a document that nobody wrote; its other errors would mislead.
  if (document.errors.every((error) => error.code === 'DUPLICATE_KEY')) {
    const content = toContent(document);
    if ('problem' in content) found.push({ at: 0, path: '', message: content.problem });
    else {
      const parsed = PolicyContent.safeParse(content.value);
      if (parsed.success && found.length === 0) {
        const hash = createHash('sha256').update(text).digest('hex').slice(0, 8);
        return { policy: { id: `${file}@${hash}`, ...parsed.data } };
      }
      for (const issue of parsed.error?.issues ?? []) found.push(...fromZod(document, issue));
    }
  }
  const errors = withoutEchoes(found).map(({ at, path, message }) => {
    const { line, col } = lines.linePos(at);
    // An empty text has no lines yet: linePos says 0.
    return { file, line: Math.max(1, line), column: Math.max(1, col), path, message };
  });
  return { errors };
}

/** An error at an offset of the text. */
interface Found {
  at: number;
  path: string;
  message: string;
}

/** In the order of the text. A value that YAML already refused is not reported a second time by the schema. */
function withoutEchoes(found: Found[]): Found[] {
  const first = new Map<number, Found>();
  const kept = found.filter((error) => {
    const earlier = first.get(error.at);
    if (earlier && (earlier.path === '' || error.path === earlier.path)) return earlier.message === error.message;
    first.set(error.at, earlier ?? error);
    return true;
  });
  return [...new Map(kept.map((error) => [`${error.at} ${error.path} ${error.message}`, error])).values()].sort(
    (a, b) => a.at - b.at,
  );
}

function toContent(document: Document): { value: unknown } | { problem: string } {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) };
  } catch (error) {
    return { problem: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function fromYaml(error: YAMLError): Found {
  const advice: Partial<Record<YAMLError['code'], string>> = {
    DUPLICATE_KEY: 'this key stands twice in the same map: delete one',
    TAG_RESOLVE_FAILED: `${error.message}: the policy language has no tags, delete it`,
    MULTIPLE_DOCS: 'a policy file is one document: delete the line ---',
    TAB_AS_INDENT: 'a tab is no indentation in YAML: use spaces',
  };
  return { at: error.pos[0], path: '', message: advice[error.code] ?? `${error.message} (YAML ${error.code})` };
}

/** What the yaml library lets pass although two people would read it differently, or as a trap. */
function odditiesOf(document: Document): Found[] {
  const found: Found[] = [];
  const report = (node: Node, message: string) => found.push({ at: node.range?.[0] ?? 0, path: '', message });
  visit(document, {
    Pair(_, { key }: Pair) {
      if (!isScalar(key) || typeof key.value !== 'string') {
        report(key as Node, 'a key must be a text: put it in quotes');
      } else if (key.value === '__proto__') report(key, '__proto__ is not allowed as a key');
      else if (key.value === '<<') report(key, 'merge keys are not part of the policy language: write the values out');
    },
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'number') return;
      if (!Number.isFinite(node.value)) report(node, `${node.source} is not a number that can be worked with`);
      else if (String(node.value) !== node.source) {
        report(
          node,
          `${node.source} would be read as ${node.value}: write it in plain decimal, or in quotes if it is a text`,
        );
      }
    },
  });
  return found;
}

function fromZod(document: Document, issue: z.core.$ZodIssue, under: readonly (string | number)[] = []): Found[] {
  const path = [...under, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
  if (issue.code === 'invalid_union') {
    const value = path.length === 0 ? document.contents : document.getIn(path, true);
    const meant = issue.errors.find((issues) => !issues.some((each) => isOtherKind(each, value)));
    if (meant) return meant.flatMap((each) => fromZod(document, each, path));
    const [first] = issue.errors[0] ?? [];
    if (first && issue.message === 'Invalid input') return fromZod(document, first, path);
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      at: keyOffset(document, path, key),
      path: pathText([...path, key]),
      message: 'there is no such key: check the spelling, or delete it',
    }));
  }
  const missing = issue.code !== 'custom' && path.length > 0 && document.getIn(path) === undefined;
  const message = missing ? `is missing: add it (${adviceOf(issue)})` : adviceOf(issue);
  return [{ at: valueOffset(document, path), path: pathText(path), message }];
}

/** The issue says that another kind of value was meant: a list, a map, a word. */
function isOtherKind({ path, code }: z.core.$ZodIssue, value: unknown): boolean {
  return path.length === 0 && (code === 'invalid_type' || (code === 'invalid_value' && !isScalar(value)));
}

function adviceOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_type') {
    const kind =
      issue.expected === 'object' || issue.expected === 'record'
        ? 'a map'
        : issue.expected === 'array'
          ? 'a list'
          : `a ${issue.expected}`;
    return issue.message.startsWith('Invalid input') ? `must be ${kind}` : issue.message;
  }
  if (issue.code === 'too_small' && issue.origin === 'array') return 'an empty list matches nothing: delete the key';
  return issue.message;
}

function pathText(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text ? `${text}.${part}` : part),
    '',
  );
}

/** Where the value stands; for a value that is missing, the map that lacks it (its key, where it has one). */
function valueOffset(document: Document, path: readonly (string | number)[]): number {
  let node: unknown = document.contents;
  let at = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    const next = isMap(node) || isSeq(node) ? node.get(part, true) : undefined;
    if (!isNode(next)) {
      break;
    }
    node = next;
    at = next.range?.[0] ?? at;
  }
  return at;
}

function keyOffset(document: Document, path: readonly (string | number)[], key: string): number {
  const parent = path.length === 0 ? document.contents : document.getIn(path, true);
  const pair = isMap(parent)
    ? parent.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
    : undefined;
  const node = pair?.key;
  return isScalar(node) ? (node.range?.[0] ?? 0) : valueOffset(document, path);
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}
