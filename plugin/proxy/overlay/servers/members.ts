/** Where a value stands in a text: from its first letter to the one after its last. */
export interface Span {
  from: number;
  to: number;
}

/** The plain values (no object, no array) of one object, by name; null where a name comes twice. */
export type Members = ReadonlyMap<string, Span> | null;

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * The objects of a document `{"NAME": {…}}` or `{"NAME": [{…}, …]}`, in their order: so that a value can be replaced
 * where it stands and every other byte stays as Nova wrote it. Names are compared as they are written.
 *
 * @param text valid JSON
 */
export function objectsOf(text: string, name: string): Members[] {
  const found: Members[] = [];
  /** Of each open object or array: the member it is in. */
  const open: { inArray: boolean; key: string | null }[] = [];
  let members: Map<string, Span> | null = null;
  let repeated = false;
  let isKey = false;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const here = open.at(-1);
    if (token === '{' || token === '[') {
      open.push({ inArray: token === '[', key: null });
      isKey = token === '{';
      if (isKey && isWanted(open, name)) {
        members = new Map();
        repeated = false;
      }
    } else if (token === '}' || token === ']') {
      if (token === '}' && isWanted(open, name)) found.push(repeated ? null : members);
      open.pop();
      isKey = false;
    } else if (token === ',') isKey = here?.inArray === false;
    else if (token === ':') isKey = false;
    else if (isKey && here) {
      here.key = token;
      if (isWanted(open, name) && members?.has(token.slice(1, -1))) repeated = true;
      if (isWanted(open, name)) members?.set(token.slice(1, -1), { from: index, to: index });
    } else if (here?.key != null && isWanted(open, name)) {
      members?.set(here.key.slice(1, -1), { from: index, to: index + token.length });
    }
  }
  return found;
}

function isWanted(open: readonly { inArray: boolean; key: string | null }[], name: string): boolean {
  const [document, list] = open;
  if (document?.inArray !== false || document.key !== `"${name}"`) return false;
  return open.length === 2 ? list?.inArray === false : open.length === 3 && list?.inArray === true;
}
