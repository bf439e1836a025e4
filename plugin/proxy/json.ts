/**
 * Parses JSON that every parser reads in the same way: valid UTF-8, no member name twice in one object. Undefined for
 * anything else (`undefined` is no JSON value). Python's parser, which Nova uses, takes the last of two members with one
 * name; who wants to be understood differently by two readers gets no reading here.
 */
export function parseUnambiguousJson(bytes: Uint8Array): unknown {
  const reading = readJson(bytes);
  return reading?.doubt === null ? reading.value : undefined;
}

/** What Nova's parser makes of a body, and why another parser might make something else of it. */
export interface JsonReading {
  value: unknown;
  doubt: string | null;
}

/**
 * Reads JSON as Python does (oslo.serialization's jsonutils.loads): the last of two members with one name counts, `NaN`
 * and `Infinity` are numbers (null here). Null where it finds no JSON.
 */
export function readJson(bytes: Uint8Array): JsonReading | null {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return utf16(bytes);
  }
  if (text.includes('\0')) return utf16(bytes);
  const value = parsed(text);
  if (value !== undefined)
    return { value, doubt: hasRepeatedMember(text) ? 'a member name twice in one object' : null };
  const withoutExtensions = parsed(text.replace(/-?(?:NaN|Infinity)/g, 'null'));
  return withoutExtensions === undefined ? null : { value: withoutExtensions, doubt: 'NaN or Infinity' };
}

/** json.loads tells UTF-16 from UTF-8 by itself where it is given bytes; Nova 26 gives it text and refuses. */
function utf16(bytes: Uint8Array): JsonReading | null {
  for (const encoding of ['utf-16le', 'utf-16be']) {
    const value = parsed(new TextDecoder(encoding).decode(bytes));
    if (value !== undefined) return { value, doubt: 'UTF-16' };
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `text` is valid JSON, so that a string token followed by a colon is a member name. */
function hasRepeatedMember(text: string): boolean {
  const open: Set<string>[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:[ \t\r\n]*:)?|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (token.endsWith(':')) {
      // Compared after decoding: "\u0068ost" is "host".
      const name: unknown = JSON.parse(token.slice(0, -1));
      const members = open.at(-1);
      if (typeof name !== 'string' || !members || members.has(name)) return true;
      members.add(name);
    }
  }
  return false;
}
