import { ProxyError, type ProxyErrorCode } from '../errors.ts';
import { ChunkScanner } from './chunks.ts';

/** How the end of a message's body is known (RFC 9112 section 6.3). `close`: the connection's end, answers only. */
export type BodyFraming =
  | { kind: 'none' }
  | { kind: 'length'; bytes: number }
  | { kind: 'chunked' }
  | { kind: 'close' };

/** The two fields that frame a body, as the header has them. */
export interface FramingFields {
  contentLengths: string[];
  transferEncodings: string[];
  /** Of HTTP/1. */
  minorVersion: 0 | 1;
}

/**
 * The framing that a header announces, null if none. What two servers could read in two ways is refused.
 *
 * | Content-Length | Transfer-Encoding | framing                                   |
 * |----------------|-------------------|-------------------------------------------|
 * | `5`            |                   | 5 bytes                                   |
 * |                | `chunked`         | chunks                                    |
 * | `5`            | `chunked`         | refused, in whatever order                |
 * | `5` and `5`    |                   | refused, as `5, 5`, `+5`, `0x5`, `5 5`    |
 * |                | `gzip, chunked`   | refused: 501                              |
 *
 * @throws ProxyError with `code`, or `encoding-unsupported` for a request's other coding
 */
export function announcedFraming(fields: FramingFields, code: ProxyErrorCode): BodyFraming | null {
  const { contentLengths, transferEncodings, minorVersion } = fields;
  const [length, ...moreLengths] = contentLengths;
  const [coding, ...moreCodings] = transferEncodings;
  if (coding !== undefined) {
    if (length !== undefined) throw new ProxyError(code, 'Both Content-Length and Transfer-Encoding.');
    if (moreCodings.length > 0) throw new ProxyError(code, 'More than one Transfer-Encoding field.');
    if (minorVersion === 0) throw new ProxyError(code, 'Transfer-Encoding in HTTP/1.0.');
    if (coding.toLowerCase() !== 'chunked') {
      const unsupported = code === 'request-invalid' ? 'encoding-unsupported' : code;
      throw new ProxyError(unsupported, 'Only the transfer coding "chunked" is understood.');
    }
    return { kind: 'chunked' };
  }
  if (length === undefined) return null;
  if (moreLengths.length > 0) throw new ProxyError(code, 'More than one Content-Length field.');
  if (!/^\d{1,15}$/.test(length)) throw new ProxyError(code, 'Content-Length is not a number of bytes.');
  return { kind: 'length', bytes: Number(length) };
}

/** Tells where a body ends in bytes that come in any pieces. */
export class BodyReader {
  done: boolean;
  #left: number;
  readonly #chunks: ChunkScanner | null;
  readonly #content: ((bytes: Buffer) => void) | null;

  /** `content` gets the body without its framing. */
  constructor(
    framing: BodyFraming,
    code: ProxyErrorCode,
    trailerBytes: number,
    content: ((bytes: Buffer) => void) | null = null,
  ) {
    this.#left = framing.kind === 'length' ? framing.bytes : framing.kind === 'close' ? Number.POSITIVE_INFINITY : 0;
    this.#chunks = framing.kind === 'chunked' ? new ChunkScanner(code, trailerBytes, content) : null;
    this.#content = content;
    this.done = this.#chunks === null && this.#left === 0;
  }

  /**
   * How many bytes of this piece belong to the body, framing and all.
   *
   * @throws ProxyError
   */
  take(bytes: Buffer): number {
    if (this.#chunks !== null) {
      const taken = this.#chunks.take(bytes);
      this.done = this.#chunks.done;
      return taken;
    }
    const taken = Math.min(bytes.length, this.#left);
    this.#content?.(bytes.subarray(0, taken));
    this.#left -= taken;
    this.done = this.#left === 0;
    return taken;
  }
}
