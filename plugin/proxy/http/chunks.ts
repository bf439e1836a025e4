import { ProxyError, type ProxyErrorCode } from '../errors.ts';
import { parseFields } from './fields.ts';

/** Bytes of one chunk's extensions, and of one body's extensions together. */
const EXTENSION_BYTES = 16 * 1024;
/** 13 hexadecimal digits are 2^52 bytes. */
const SIZE_DIGITS = 13;

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;

/** Fields that no trailer may carry (RFC 9110 section 6.5.1): who merges a trailer into the header would obey them. */
const NEVER_IN_TRAILER =
  /^(content-(length|encoding|type|range)|transfer-encoding|trailer|te|host|connection|keep-alive|upgrade|expect|authorization|cookie|set-cookie|x-auth-token|x-service-token|openstack-api-version|x-openstack-nova-api-version|(x-)?forwarded.*)$/;

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'done';

/**
 * Finds the end of a chunked body (RFC 9112 section 7.1) in bytes that come in any pieces. It changes nothing: sizes,
 * extensions and trailer are for passing on as they are. Strict: size digits directly before `;` or CR LF, no bare CR
 * or LF, a trailer of well-formed fields.
 */
export class ChunkScanner {
  readonly #code: ProxyErrorCode;
  /** Takes what is inside the chunks, where somebody wants to read it. */
  readonly #content: ((bytes: Buffer) => void) | null;
  #state: State = 'size';
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailerLeft: number;
  /** Of the trailer, as far as it has come. */
  #line = '';

  constructor(code: ProxyErrorCode, trailerBytes: number, content: ((bytes: Buffer) => void) | null = null) {
    this.#code = code;
    this.#trailerLeft = trailerBytes;
    this.#content = content;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /**
   * How many bytes of this piece belong to the body.
   *
   * @throws ProxyError
   */
  take(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'done') {
      at = this.#state === 'data' ? this.#skipData(bytes, at) : this.#step(bytes, at);
    }
    return at;
  }

  #skipData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#size);
    this.#content?.(bytes.subarray(at, end));
    this.#size -= end - at;
    if (this.#size === 0) this.#state = 'data-cr';
    return end;
  }

  #step(bytes: Buffer, at: number): number {
    const byte = bytes[at] ?? 0;
    switch (this.#state) {
      case 'size':
        this.#sizeByte(byte);
        break;
      case 'extension':
        if (byte === CR) this.#state = 'size-lf';
        else if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) this.#refuse('a control byte in a chunk extension');
        else {
          this.#extensionBytes += 1;
          if (this.#extensionBytes > EXTENSION_BYTES) this.#refuse('chunk extensions too long');
        }
        break;
      case 'size-lf':
        if (byte !== LF) this.#refuse('a bare CR after a chunk size');
        this.#digits = 0;
        this.#state = this.#size === 0 ? 'trailer' : 'data';
        break;
      case 'data-cr':
        if (byte !== CR) this.#refuse('chunk data longer than its size');
        this.#state = 'data-lf';
        break;
      case 'data-lf':
        if (byte !== LF) this.#refuse('a bare CR after chunk data');
        this.#state = 'size';
        break;
      default:
        return this.#takeTrailer(bytes, at);
    }
    return at + 1;
  }

  #sizeByte(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#digits += 1;
      if (this.#digits > SIZE_DIGITS) this.#refuse('a chunk size too long');
      this.#size = this.#size * 16 + digit;
    } else if (this.#digits > 0 && byte === CR) this.#state = 'size-lf';
    else if (this.#digits > 0 && byte === SEMICOLON) this.#state = 'extension';
    else this.#refuse('not a chunk size');
  }

  /** Line by line: what is wrong already is not waited for, and what was right is not looked at again. */
  #takeTrailer(bytes: Buffer, at: number): number {
    const lineFeed = bytes.indexOf(LF, at);
    const end = lineFeed === -1 ? bytes.length : lineFeed + 1;
    this.#trailerLeft -= end - at;
    if (this.#trailerLeft < 0) this.#refuse('a trailer too long');
    this.#line += bytes.toString('latin1', at, end);
    if (lineFeed === -1) return end;
    if (this.#line === '\r\n') this.#state = 'done';
    else this.#checkTrailer(this.#line);
    this.#line = '';
    return end;
  }

  #checkTrailer(line: string): void {
    const [name = ''] = parseFields(line, 0, 1, this.#code).raw;
    if (NEVER_IN_TRAILER.test(name.toLowerCase().replaceAll('_', '-'))) this.#refuse(`${name} in the trailer`);
  }

  #refuse(what: string): never {
    throw new ProxyError(this.#code, `The chunked body is malformed: ${what}.`);
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
