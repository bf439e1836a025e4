/**
 * Parses JSON that every parser reads in the same way: valid UTF-8, no member name twice in one object. Undefined for
 * anything else (`undefined` is no JSON value). Python's parser, which Nova uses, takes the last of two members with one
 * name; who wants to be understood differently by two readers gets no reading here.
 */
export function parseUnambiguousJson(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    return hasRepeatedMember(text) ? undefined : value;
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
