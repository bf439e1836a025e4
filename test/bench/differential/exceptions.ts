import type { Comparable, Difference } from './compare.ts';
import type { Request } from './request.ts';

/** A difference that is meant. Every other one fails the comparison, and so does an exception that nothing falls under. */
export interface Exception {
  name: string;
  why: string;
  /** `direct` is Nova's own answer, `through` the one that came through Drover. */
  covers(request: Request, direct: Comparable, through: Comparable, found: readonly Difference[]): boolean;
}

/** What Drover's own refusal of each of these says: HTTP forbids them, and Nova's server reads them in its own way. */
const REFUSED: Readonly<Record<string, string>> = {
  'two Hosts': '400 More than one Host header field.',
  'no Host': '400 No Host header field.',
  'length and chunks': '400 Both Content-Length and Transfer-Encoding.',
  'two lengths': '400 More than one Content-Length field.',
  'a list of lengths': '400 Content-Length is not a number of bytes.',
  'a length that is none': '400 Content-Length is not a number of bytes.',
  'a negative length': '400 Content-Length is not a number of bytes.',
  'a length with a plus': '400 Content-Length is not a number of bytes.',
  'a coding that is none': '501 Only the transfer coding "chunked" is understood.',
  'two codings': '501 Only the transfer coding "chunked" is understood.',
  'a space before the colon': '400 White space before the colon of a header field:',
  'a folded line': '400 A folded header line:',
  'a line without a colon': '400 Not a header field:',
  'a chunk size that is none': '400 The chunked body is malformed: not a chunk size.',
  'a chunk longer than its size': '400 The chunked body is malformed: chunk data longer than its size.',
  'a bare line feed': '400 A line that ends with LF alone:',
  'HTTP/3.7': '505 Only HTTP/1.1 and HTTP/1.0 are spoken here.',
  'no version': '400 Not an HTTP request line.',
  'a target with a space': '400 Not an HTTP request line.',
  'a target without a slash': '400 The request target is no path.',
  CONNECT: '400 The request target is no path.',
  'no HTTP at all': '400 Not an HTTP request line.',
  'target /#': '400 A fragment ("#") in the request target.',
  'target /v2.1/servers#x': '400 A fragment ("#") in the request target.',
  'target /v2.1/servers/{GUEST}#/action': '400 A fragment ("#") in the request target.',
  'an underscore in a name': '400 The header field x_auth_token has "_" where "-" belongs.',
  'the action twice': '400 A live migration that can be read in two ways: a member name twice in one object.',
  'the host twice': '400 A live migration that can be read in two ways: a member name twice in one object.',
  NaN: '400 A live migration that can be read in two ways: NaN or Infinity.',
  'two content types': '400 A live migration that can be read in two ways: more than one content-type header field.',
};

export const EXCEPTIONS: readonly Exception[] = [
  {
    name: 'refused by Drover',
    why: 'no well-formed HTTP (RFC 9112), or readable in two ways: Drover says so itself instead of passing it on',
    covers({ source, name }, _direct, through) {
      // Those of `migrate` are named with their microversion behind.
      const plain = source === 'migrate' ? name.replace(/, [^,]+$/, '') : name;
      const expected = ['hostile', 'malformed', 'migrate'].includes(source) ? REFUSED[plain] : undefined;
      return expected !== undefined && ownFault(through).startsWith(expected);
    },
  },
  {
    name: '100-continue',
    why: 'Drover answers it, as RFC 9110 section 10.1.1 asks of a proxy; Nova under uWSGI leaves its client waiting',
    covers({ name }, direct, through, found) {
      return name === '100-continue' && found.join() === 'end' && direct.interim === 0 && through.interim === 1;
    },
  },
  {
    name: 'no answer',
    why: 'where Nova closes the connection without a word, a proxy can but say that (502)',
    covers(_request, direct, through) {
      return direct.end === 'silent' && ownFault(through) === '502 The connection to the Compute API was lost.';
    },
  },
];

/** Status and words of an answer that Drover itself made; nothing if it is Nova's, which has a request id. */
function ownFault({ status, headers, body }: Comparable): string {
  if (headers.some((line) => /^x-openstack-request-id:/i.test(line))) return '';
  const [, message = ''] = /"message":"((?:[^"\\]|\\.)*)"/.exec(body) ?? [];
  return `${status.split(' ')[1]} ${JSON.parse(`"${message}"`)}`;
}

/** @param used how often each was needed, by name */
export function unusedExceptions(used: ReadonlyMap<string, number>): string[] {
  return EXCEPTIONS.map(({ name }) => name).filter((name) => !used.has(name));
}
