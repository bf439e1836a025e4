import { ProxyError } from '../errors.ts';
import { announcedFraming, type BodyFraming } from './body.ts';
import { type Fields, parseFields } from './fields.ts';

/** A request's head, understood, and as it came. */
export interface RequestHead {
  method: string;
  /** As the client wrote it. */
  target: string;
  /** Of HTTP/1. */
  minorVersion: 0 | 1;
  /** Request line and header fields, each line with its CRLF, without the empty line behind them. */
  text: string;
  fields: Fields;
  host: string;
  body: BodyFraming;
  /** Values of Connection. */
  connection: string[];
  /** Whether the client wants to send more requests on this connection. */
  keepsConnection: boolean;
  expectsContinue: boolean;
}

/** Bytes above ASCII are no part of a URI (RFC 3986), and Nova reads them all the same: `?name=größe` of a simple client. */
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) ([!-~\x80-\xff]+) HTTP\/(\d)\.(\d)\r\n/;
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()*+,;=%-]*)(:\d{0,5})?$/i;
const ABSOLUTE = /^https?:\/\/([^/?]*)/i;

/**
 * Fields that this proxy or Nova acts on. WSGI servers read `_` in a name as `-`, so that a field of such a name would
 * be one of these for Nova and none for this proxy.
 */
const ACTED_ON =
  /^(host|content-(length|type|encoding)|transfer-encoding|connection|te|trailer|upgrade|expect|keep-alive|x-auth-token|x-service-token|openstack-api-version|x-openstack-nova-api-version|forwarded|x-forwarded-[a-z]+)$/;

/**
 * Reads a request's head, strictly (RFC 9112): what a lenient reader could take for something else is refused.
 *
 * @throws ProxyError `request-invalid`, `encoding-unsupported`, `version-unsupported`, `head-too-large`
 */
export function parseRequestHead(text: string, fieldLimit: number): RequestHead {
  const line = REQUEST_LINE.exec(text);
  if (line === null) throw new ProxyError('request-invalid', 'Not an HTTP request line.');
  const [whole, method = '', target = '', major, minor] = line;
  if (major !== '1') throw new ProxyError('version-unsupported', 'Only HTTP/1.1 and HTTP/1.0 are spoken here.');
  if (minor !== '1' && minor !== '0') {
    throw new ProxyError('version-unsupported', 'Only HTTP/1.1 and HTTP/1.0 are spoken here.');
  }
  const minorVersion = minor === '1' ? 1 : 0;
  const fields = parseFields(text, whole.length, fieldLimit, 'request-invalid');
  const { raw, names } = fields;
  const contentLengths: string[] = [];
  const transferEncodings: string[] = [];
  const hosts: string[] = [];
  const connection: string[] = [];
  let expectsContinue = false;
  for (const [i, name] of names.entries()) {
    const value = raw[2 * i + 1] ?? '';
    if (name === 'host') hosts.push(value);
    else if (name === 'connection') connection.push(value);
    else if (name === 'content-length') contentLengths.push(value);
    else if (name === 'transfer-encoding') transferEncodings.push(value);
    else if (name === 'expect') expectsContinue = value.toLowerCase() === '100-continue';
    else if (name.includes('_') && ACTED_ON.test(name.replaceAll('_', '-'))) {
      throw new ProxyError('request-invalid', `The header field ${name} has "_" where "-" belongs.`);
    }
  }
  const host = checkedHost(hosts, minorVersion);
  checkTarget(method, target, host);
  const body = announcedFraming({ contentLengths, transferEncodings, minorVersion }, 'request-invalid');
  return {
    method,
    target,
    minorVersion,
    text,
    fields,
    host,
    connection,
    body: body ?? { kind: 'none' },
    keepsConnection: keepsConnection(connection, minorVersion),
    expectsContinue: expectsContinue && minorVersion === 1,
  };
}

/** Whether the sender of these Connection fields leaves the connection open (RFC 9112 section 9.3). */
export function keepsConnection(connection: readonly string[], minorVersion: 0 | 1): boolean {
  if (connection.length === 0) return minorVersion === 1;
  if (connection.length === 1 && connection[0] === 'keep-alive') return true;
  const options = connection.flatMap((value) => value.split(',')).map((option) => option.trim().toLowerCase());
  if (options.includes('close')) return false;
  return minorVersion === 1 || options.includes('keep-alive');
}

function checkedHost(hosts: readonly string[], minorVersion: 0 | 1): string {
  const [host, ...more] = hosts;
  if (more.length > 0) throw new ProxyError('request-invalid', 'More than one Host header field.');
  if (host === undefined) {
    if (minorVersion === 0) return '';
    throw new ProxyError('request-invalid', 'No Host header field.');
  }
  if (!HOST.test(host)) throw new ProxyError('request-invalid', 'The Host header field is no host and port.');
  return host;
}

/** The forms of RFC 9112 section 3.2 that a client may send here. */
function checkTarget(method: string, target: string, host: string): void {
  if (target.includes('#')) throw new ProxyError('request-invalid', 'A fragment ("#") in the request target.');
  if (target.startsWith('/')) return;
  if (target === '*' && method === 'OPTIONS') return;
  const authority = ABSOLUTE.exec(target)?.[1];
  if (authority === undefined || method === 'CONNECT') {
    throw new ProxyError('request-invalid', 'The request target is no path.');
  }
  if (authority.toLowerCase() !== host.toLowerCase()) {
    throw new ProxyError('request-invalid', 'The request target names another host than the Host header field.');
  }
}
