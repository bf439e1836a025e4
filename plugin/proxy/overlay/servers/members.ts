/** Where a value stands in a text: from its first letter to the one after its last. */
export interface Span {
  from: number;
  to: number;
}

/** Where an object stands, and the plain values (no object, no array) in it by name. */
export interface PlacedObject extends Span {
  members: ReadonlyMap<string, Span>;
  /** A name comes twice. */
  repeated: boolean;
}

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * The objects of a document `{"NAME": {…}}` or `{"NAME": [{…}, …]}`, in their order: so that a value can be replaced
 * where it stands and every other byte stays as Nova wrote it. Names are compared as they are written.
 *
 * @param text valid JSON
 */
export function objectsOf(text: string, name: string): PlacedObject[] {
  const found: PlacedObject[] = [];
  /** Of each open object or array: the member it is in. */
  const open: { inArray: boolean; key: string | null }[] = [];
  let members = new Map<string, Span>();
  let from = 0;
  let repeated = false;
  let isKey = false;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const here = open.at(-1);
    if (token === '{' || token === '[') {
      open.push({ inArray: token === '[', key: null });
      isKey = token === '{';
      if (isKey && isWanted(open, name)) {
        members = new Map();
        from = index;
        repeated = false;
      }
    } else if (token === '}' || token === ']') {
      if (token === '}' && isWanted(open, name)) found.push({ from, to: index + 1, members, repeated });
      open.pop();
      isKey = false;
    } else if (token === ',') isKey = here?.inArray === false;
    else if (token === ':') isKey = false;
    else if (isKey && here) {
      here.key = token;
      if (isWanted(open, name) && members.has(token.slice(1, -1))) repeated = true;
      if (isWanted(open, name)) members.set(token.slice(1, -1), { from: index, to: index });
    } else if (here?.key != null && isWanted(open, name)) {
      members.set(here.key.slice(1, -1), { from: index, to: index + token.length });
    }
  }
  return found;
}

function isWanted(open: readonly { inArray: boolean; key: string | null }[], name: string): boolean {
  const [document, list] = open;
  if (document?.inArray !== false || document.key !== `"${name}"`) return false;
  return open.length === 2 ? list?.inArray === false : open.length === 3 && list?.inArray === true;
}
