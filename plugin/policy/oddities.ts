import { type Document, isScalar, type Node, type Pair, visit, type YAMLError } from 'yaml';

/** Something wrong with the YAML itself, at an offset of its text. */
export interface Oddity {
  at: number;
  message: string;
}

/** Errors and warnings of the yaml library, as advice. */
export function yamlErrors({ errors, warnings }: Document): Oddity[] {
  const all = [...errors, ...warnings];
  // The library runs out of stack, and again for what stands behind that.
  const endless = all.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  // What a tab begins is read as something else, and what is said of that would mislead.
  const tabs = all.filter(({ code }) => code === 'TAB_AS_INDENT');
  return (endless ? [endless] : tabs.length > 0 ? tabs : all).map(fromYaml);
}

function fromYaml(error: YAMLError): Oddity {
  const advice: Partial<Record<YAMLError['code'], string>> = {
    DUPLICATE_KEY: 'this key stands twice in the same map: delete one',
    TAG_RESOLVE_FAILED: `${error.message}: the policy language has no tags, delete it`,
    MULTIPLE_DOCS: 'a policy file is one document: delete the line ---',
    RESOURCE_EXHAUSTION:
      'nested too deep to be read: a policy has a few levels, delete the brackets that stand too often',
    TAB_AS_INDENT: 'a tab is no indentation in YAML: use spaces',
    MISSING_CHAR: `${error.message}: is a quote, a bracket, a comma or the space behind a colon missing here or before?`,
    BAD_INDENT: `${error.message}: put the keys of one map, and the dashes of one list, under each other`,
    BLOCK_AS_IMPLICIT_KEY: `${error.message}: a colon stands where a value was read, mostly since this line or the one above is indented too little or too much`,
  };
  return { at: error.pos[0], message: advice[error.code] ?? `${error.message} (YAML ${error.code})` };
}

/** What the yaml library lets pass although two people would read it differently, or as a trap. */
export function oddities(document: Document): Oddity[] {
  const found: Oddity[] = [];
  const report = (node: Node | null, message: string) => found.push({ at: node?.range?.[0] ?? 0, message });
  const { explicit, version } = document.directives?.yaml ?? {};
  if (explicit && version !== '1.2') {
    const message = `YAML ${version} reads yes, no, on, off and 22:00 otherwise: delete the line %YAML, it is 1.2 then`;
    found.push({ at: 0, message });
  }
  visit(document, {
    Pair(_, { key }: Pair) {
      if (!isScalar(key) || typeof key.value !== 'string') {
        report(key as Node | null, 'a key must be a text: put it in quotes');
      } else if (key.value === '__proto__') report(key, '__proto__ is not allowed as a key');
      else if (key.value === '<<') report(key, 'merge keys are not part of the policy language: write the values out');
    },
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'number') return;
      if (!Number.isFinite(node.value))
        report(node, `${node.source} is not a number that can be worked with: write a finite one`);
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
