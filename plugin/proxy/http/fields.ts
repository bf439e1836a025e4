import { ProxyError, type ProxyErrorCode } from '../errors.ts';

/** The header (or trailer) lines of one message. */
export interface Fields {
  /** Names and values in turn: names as they came, values without the white space around them. */
  raw: string[];
  /** The names in lower case. */
  names: string[];
  /** Where each line begins in the text that was read; one entry more tells where the last one ends. */
  starts: number[];
}

/** field-name ":" field-value CRLF (RFC 9112 section 5), nothing looser. White space around a value is cut off later. */
const FIELD_LINE = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t -~\x80-\xff]*)\r\n/y;

/**
 * Reads field lines from `at` to the end of `text`, each with its CRLF.
 *
 * | line                     | read as                                          |
 * |--------------------------|--------------------------------------------------|
 * | `Vary:  A \r\n`          | `Vary`, `A`                                      |
 * | `X-Empty:\r\n`           | `X-Empty`, ``                                    |
 * | `Host : a\r\n`           | refused: white space before the colon            |
 * | ` folded\r\n`            | refused: obsolete line folding                   |
 * | `A: b\n`, `A: \r b\r\n`  | refused: a bare CR or LF, as any control byte    |
 *
 * @throws ProxyError with `code`
 */
export function parseFields(text: string, at: number, limit: number, code: ProxyErrorCode): Fields {
  const raw: string[] = [];
  const names: string[] = [];
  const starts: number[] = [at];
  FIELD_LINE.lastIndex = at;
  while (FIELD_LINE.lastIndex < text.length) {
    const start = FIELD_LINE.lastIndex;
    const match = FIELD_LINE.exec(text);
    if (match === null) throw malformed(text, start, code);
    if (starts.length > limit) {
      const tooMany = `More than ${limit} header fields.`;
      throw new ProxyError(code === 'request-invalid' ? 'head-too-large' : code, tooMany);
    }
    const name = match[1] ?? '';
    raw.push(name, trimmed(match[2] ?? ''));
    names.push(name.toLowerCase());
    starts.push(FIELD_LINE.lastIndex);
  }
  return { raw, names, starts };
}

/** Optional white space is space and tab only (RFC 9110 section 5.6.3): String.trim would also take byte A0. */
function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start += 1;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1;
  return value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** A client is shown its own line, but not one of Nova's, which was not meant for it. */
function malformed(text: string, at: number, code: ProxyErrorCode): ProxyError {
  const why = complaint(text, at);
  if (code !== 'answer-invalid') return new ProxyError(code, why);
  return new ProxyError(code, 'The Compute API gave a malformed answer.', { cause: new Error(why) });
}

function complaint(text: string, at: number): string {
  const lineEnd = text.indexOf('\n', at);
  const line = text.slice(at, lineEnd === -1 ? undefined : lineEnd + 1);
  const where = JSON.stringify(line.slice(0, 40));
  if (isBlank(line.charCodeAt(0))) return `A folded header line: ${where}.`;
  if (/^[^:]*[ \t]:/.test(line)) return `White space before the colon of a header field: ${where}.`;
  return `Not a header field: ${where}. Lines end with CR LF, and a value has no other control bytes.`;
}
