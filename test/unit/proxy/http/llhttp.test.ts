import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProxyError } from '../../../../plugin/proxy/errors.ts';
import { BodyReader } from '../../../../plugin/proxy/http/body.ts';
import { checkPartialHead, headEnd } from '../../../../plugin/proxy/http/head.ts';
import { parseRequestHead } from '../../../../plugin/proxy/http/request.ts';

/** Node's own parser (llhttp, strict), without sockets around it. */
interface Llhttp {
  initialize(type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void;
  execute(bytes: Buffer): number | Error;
  [event: number]: unknown;
}
interface LlhttpClass {
  new (): Llhttp;
  REQUEST: number;
  kOnHeaders: number;
  kOnHeadersComplete: number;
  kOnBody: number;
  kOnMessageComplete: number;
}
const { HTTPParser, methods }: { HTTPParser: LlhttpClass; methods: string[] } = createRequire(import.meta.url)(
  '_http_common',
);

interface Reading {
  method: string;
  target: string;
  minorVersion: number;
  raw: string[];
  content: string;
  keepsConnection: boolean;
}

/** Every request that llhttp finds before what it refuses. */
function readByLlhttp(bytes: Buffer): Reading[] {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, 64 * 1024, 0);
  const found: Reading[] = [];
  const complete: Reading[] = [];
  let early: string[] = [];
  let earlyTarget = '';
  // Many fields come in portions before the head is complete; those after it are of the trailer.
  parser[HTTPParser.kOnHeaders] = (raw: string[], target: string) => {
    if (found.length === complete.length) {
      early.push(...raw);
      earlyTarget += target;
    }
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    minorVersion: number,
    raw: string[] | undefined,
    method: number,
    target: string | undefined,
    _status: number,
    _message: string,
    _upgrade: boolean,
    keepsConnection: boolean,
  ) => {
    found.push({
      method: methods[method] ?? '',
      target: earlyTarget + (target ?? ''),
      minorVersion,
      raw: [...early, ...(raw ?? [])],
      content: '',
      keepsConnection,
    });
    early = [];
    earlyTarget = '';
    return 0;
  };
  parser[HTTPParser.kOnBody] = (piece: Buffer) => {
    const last = found.at(-1);
    if (last) last.content += piece.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    const last = found.at(-1);
    if (last) complete.push(last);
  };
  parser.execute(bytes);
  return complete;
}

/** Every request that the proxy finds before what it refuses. */
function readByProxy(bytes: Buffer): { found: Reading[]; refused: boolean } {
  const found: Reading[] = [];
  let rest = bytes;
  try {
    for (;;) {
      const end = headEnd(rest, 0);
      if (end === -1) {
        checkPartialHead(rest, 0, 64 * 1024);
        return { found, refused: false };
      }
      const head = parseRequestHead(rest.toString('latin1', 0, end - 2), 1000);
      let content = '';
      const reader = new BodyReader(head.body, 'request-invalid', 1000, (piece) => {
        content += piece.toString('latin1');
      });
      const taken = reader.take(rest.subarray(end));
      if (!reader.done) return { found, refused: false };
      const { method, target, minorVersion, keepsConnection } = head;
      found.push({ method, target, minorVersion, raw: head.fields.raw, content, keepsConnection });
      if (!keepsConnection || rest.length === end + taken) return { found, refused: false };
      rest = rest.subarray(end + taken);
    }
  } catch (error) {
    if (error instanceof ProxyError) return { found, refused: true };
    throw error;
  }
}

/** Mostly right, at times not: the right one stands first. */
function mostly(right: string, ...others: string[]): fc.Arbitrary<string> {
  return fc.oneof({ weight: 30, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
}
const eol = mostly('\r\n', '\n', '\r', '\r\r\n', '\r\n ', '\n\n');
const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('X', 'x-Y', 'Accept', 'Connection', 'Expect', 'Content-Type', 'X_y', '~') },
  { weight: 1, arbitrary: fc.constantFrom('Content-Length', 'Transfer-Encoding', 'Host', 'X y', '', 'X\t', '\xe9') },
);
const value = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', '', ' a ', '\ta b\t', 'keep-alive', 'close', 'a, close', '100-continue'),
  },
  { weight: 2, arbitrary: fc.constantFrom('caf\xe9', '"q"', '5', 'chunked', '\xa0a\xa0', '!@#$%^&*()') },
  { weight: 1, arbitrary: fc.constantFrom('a\0b', 'a\rb', 'a\nb', '\x7f', '\x0b', '5, 5', 'gzip, chunked', '+5') },
);
const colon = mostly(': ', ':', ' :', '\t: ', ':\t', '');
const field = fc.tuple(name, colon, value, eol).map((parts) => parts.join(''));
const method = mostly('POST', 'GET', 'DELETE', 'OPTIONS', 'PATCH', 'post', 'G T', 'FOO', '');
const target = fc.oneof(
  {
    weight: 10,
    // Without bytes above ASCII: llhttp refuses them, Nova's server does not.
    arbitrary: fc.constantFrom('/', '/v2.1/servers?x=%00', '//a/../b;c', '/%2e%zz', 'http://h/x'),
  },
  { weight: 1, arbitrary: fc.constantFrom('*', '', 'x', '/ b', '/\0', 'http://other/', '/\x7f', '/#f', 'h:80') },
);
const version = mostly('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'http/1.1', 'HTTP/2.0', 'HTTP/1.1 ', 'HTTP/1.10', '');
const space = mostly(' ', '  ', '\t', '');
const host = mostly(
  'Host: h\r\n',
  '',
  'Host: h\r\nHost: h\r\n',
  'Host : h\r\n',
  'Host:\r\n h\r\n',
  'Host: a b\r\n',
  'Host:h\r\n',
);
const chunk = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom('5\r\nhello\r\n', '5;a=b\r\nhello\r\n', '05\r\nhello\r\n', 'A\r\n0\r\n\r\nGET /\r\n'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '5\nhello\r\n',
      '5 \r\nhello\r\n',
      '5\r\nhelloX\r\n',
      '0x5\r\nhello\r\n',
      '\r\nhello\r\n',
      '5;\0\r\nhello\r\n',
      '-5\r\nhello\r\n',
      'FFFFFFFFFFFFFFFF1\r\n',
      '5\r\nhello\n',
    ),
  },
);
const lastChunk = mostly(
  '0\r\n\r\n',
  '00\r\n\r\n',
  '0;x\r\n\r\n',
  '0\r\nX: y\r\n\r\n',
  '0\n\n',
  '0\r\nContent-Length: 5\r\n\r\n',
  '0\r\n x\r\n\r\n',
  '0\r\n',
);
const body = fc.oneof(
  { weight: 3, arbitrary: fc.constant('\r\n') },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        mostly(
          'Content-Length: 5',
          'content-length:5',
          'Content-Length: 05',
          'Content-Length: +5',
          'Content-Length: 5, 5',
          'Content-Length: 5\r\nContent-Length: 5',
          'Content-Length: 0x5',
          'Content-Length : 5',
        ),
        eol,
      )
      .map(([length, end]) => `${length}${end}\r\nhello`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        mostly(
          'Transfer-Encoding: chunked',
          'transfer-encoding:\tCHUNKED ',
          'Transfer-Encoding: gzip, chunked',
          'Transfer-Encoding: chunked\r\nContent-Length: 5',
          'Transfer-Encoding : chunked',
          'Transfer-Encoding: xchunked',
          'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
        ),
        eol,
        fc.array(chunk, { maxLength: 3 }),
        lastChunk,
      )
      .map(([coding, end, chunks, last]) => `${coding}${end}\r\n${chunks.join('')}${last}`),
  },
);
const request = fc
  .tuple(method, space, target, space, version, eol, host, fc.array(field, { maxLength: 4 }), body)
  .map(([verb, a, path, b, proto, end, hosts, fields, rest]) =>
    [verb, a, path, b, proto, end, hosts, ...fields, rest].join(''),
  );

test('whatever the proxy takes for a request, llhttp reads in the same way, to the byte where it ends', () => {
  let taken = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 3 }), (requests) => {
      const bytes = Buffer.from(requests.join(''), 'latin1');
      const ours = readByProxy(bytes);
      if (ours.refused) refused += 1;
      if (ours.found.length > 0) taken += 1;
      // Methods that llhttp has no number for.
      if (ours.found.some(({ method: verb }) => !methods.includes(verb))) return;
      expect(readByLlhttp(bytes).slice(0, ours.found.length)).toEqual(ours.found);
    }),
    { numRuns: 20_000 },
  );
  // Both ways are taken often enough to mean something.
  expect(taken).toBeGreaterThan(4000);
  expect(refused).toBeGreaterThan(4000);
});

test('a body ends at the same byte in whatever pieces it comes', () => {
  fc.assert(
    fc.property(
      fc.array(chunk, { maxLength: 4 }),
      lastChunk,
      fc.array(fc.nat({ max: 7 }), { minLength: 1 }),
      (chunks, last, sizes) => {
        const bytes = Buffer.from(`${chunks.join('')}${last}GET / HTTP/1.1\r\n`, 'latin1');
        const readIn = (pieces: Buffer[]) => {
          const reader = new BodyReader({ kind: 'chunked' }, 'request-invalid', 1000);
          let taken = 0;
          try {
            for (const piece of pieces) if (!reader.done) taken += reader.take(piece);
            return { taken, done: reader.done };
          } catch {
            return 'refused';
          }
        };
        const pieces: Buffer[] = [];
        for (let at = 0, i = 0; at < bytes.length; i += 1) {
          const size = 1 + (sizes[i % sizes.length] ?? 0);
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(readIn(pieces)).toEqual(readIn([bytes]));
      },
    ),
    { numRuns: 2000 },
  );
});
