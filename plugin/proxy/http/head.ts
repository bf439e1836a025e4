import { ProxyError } from '../errors.ts';

const END = Buffer.from('\r\n\r\n');

/** A token's first byte: no TLS handshake, no white space, no control byte. */
const FIRST_BYTE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]/;

/**
 * Where the empty line behind a head ends, -1 if it has not come yet. `searched` bytes at the beginning are known not
 * to hold it.
 */
export function headEnd(bytes: Buffer, searched: number): number {
  const at = bytes.indexOf(END, Math.max(0, searched - 3));
  return at === -1 ? -1 : at + END.length;
}

/** Bytes of empty lines before a request, which are skipped (RFC 9112 section 2.2). */
export function emptyLines(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) at += 2;
  return at;
}

/**
 * Refuses the beginning of a head as soon as it cannot become one, instead of waiting for its end.
 *
 * @throws ProxyError `request-invalid`, `target-too-long`, `head-too-large`
 */
export function checkPartialHead(bytes: Buffer, searched: number, limitBytes: number): void {
  if (bytes.length > limitBytes) throw tooLarge(bytes, limitBytes);
  // From one byte before the new ones: its CR may belong to their LF.
  const text = bytes.toString('latin1', Math.max(0, searched - 1));
  if (searched === 0 && text !== '\r' && !FIRST_BYTE.test(text)) {
    throw new ProxyError('request-invalid', 'Not an HTTP request line.');
  }
  if (/[^\r]\n/.test(text)) {
    throw new ProxyError('request-invalid', 'A line that ends with LF alone: lines end with CR LF.');
  }
}

/** The error for a head of more bytes than that. */
export function tooLarge(bytes: Buffer, limitBytes: number): ProxyError {
  return bytes.subarray(0, limitBytes).includes(0x0a)
    ? new ProxyError('head-too-large', `The header is longer than ${limitBytes} bytes.`)
    : new ProxyError('target-too-long', `The request line is longer than ${limitBytes} bytes.`);
}
