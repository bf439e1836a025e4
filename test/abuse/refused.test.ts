import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { OK, proxyBefore, recorder, statusOf, talk, toEachHead } from './rig.ts';

const POST = 'POST /v2.1/servers HTTP/1.1\r\nHost: h\r\n';
const GET = 'GET /v2.1/servers HTTP/1.1\r\nHost: h\r\n';
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n';

/** Requests that two servers may read in two ways, or that are none: each with the status it gets. */
const REFUSED: Record<string, [name: string, bytes: string, status: number][]> = {
  'Content-Length and Transfer-Encoding': [
    ['CL.TE', `${POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`, 400],
    ['TE.CL', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n${SMUGGLED}0\r\n\r\n`, 400],
    ['TE.CL with length 0', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n`, 400],
    ['CL.TE with a coding that is none', `${POST}Content-Length: 5\r\nTransfer-Encoding: x\r\n\r\nhello`, 400],
    [
      'CL.TE in HTTP/1.0',
      `${POST.replace('1.1', '1.0')}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello`,
      400,
    ],
  ],
  'Transfer-Encoding in disguise': [
    ['twice chunked', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunked and identity', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`, 400],
    ['identity and chunked', `${POST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['chunked, chunked', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 501],
    ['gzip, chunked', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    ['chunked, identity', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, 501],
    ['xchunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 501],
    ['chunked with a parameter', `${POST}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`, 501],
    ['quoted', `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`, 501],
    ['empty', `${POST}Transfer-Encoding:\r\n\r\n0\r\n\r\n`, 501],
    ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a tab before the colon', `${POST}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a space before the name', `${POST}X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['folded', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`, 400],
    ['name folded', `${POST}Transfer-\r\n Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['behind a bare LF', `${POST}X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['behind a bare CR', `${POST}X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a vertical tab', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`, 400],
    ['a form feed', `${POST}Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n`, 400],
    ['a no-break space', `${POST}Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n`, 501],
    ['a NUL', `${POST}Transfer-Encoding: chun\0ked\r\n\r\n0\r\n\r\n`, 400],
    ['an underscore', `${POST}Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['in HTTP/1.0', `${POST.replace('1.1', '1.0')}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ],
  'Content-Length in disguise': [
    ['twice, different', `${POST}Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello`, 400],
    ['twice, the same', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, 400],
    ['a list', `${POST}Content-Length: 5, 5\r\n\r\nhello`, 400],
    ['a plus sign', `${POST}Content-Length: +5\r\n\r\nhello`, 400],
    ['a minus sign', `${POST}Content-Length: -5\r\n\r\nhello`, 400],
    ['hexadecimal', `${POST}Content-Length: 0x5\r\n\r\nhello`, 400],
    ['a fraction', `${POST}Content-Length: 5.0\r\n\r\nhello`, 400],
    ['an exponent', `${POST}Content-Length: 5e0\r\n\r\nhello`, 400],
    ['two numbers', `${POST}Content-Length: 5 5\r\n\r\nhello`, 400],
    ['empty', `${POST}Content-Length:\r\n\r\nhello`, 400],
    ['a quotation', `${POST}Content-Length: "5"\r\n\r\nhello`, 400],
    ['too many digits', `${POST}Content-Length: 18446744073709551621\r\n\r\nhello`, 400],
    ['digits of another script', `${POST}Content-Length: \xb2\r\n\r\nhe`, 400],
    ['an underscore', `${POST}Content_Length: 5\r\n\r\n${SMUGGLED}`, 400],
    ['folded', `${POST}Content-Length:\r\n 5\r\n\r\nhello`, 400],
  ],
  'the request line': [
    ['no version', 'GET /\r\nHost: h\r\n\r\n', 400],
    ['HTTP/0.9', 'GET /\r\n\r\n', 400],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: h\r\n\r\n', 505],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: h\r\n\r\n', 505],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['http in lower case', 'GET / http/1.1\r\nHost: h\r\n\r\n', 400],
    ['a longer version', 'GET / HTTP/1.10\r\nHost: h\r\n\r\n', 400],
    ['another protocol', 'GET / ICAP/1.1\r\nHost: h\r\n\r\n', 400],
    ['two spaces', 'GET  / HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a tab', 'GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a space at the end', 'GET / HTTP/1.1 \r\nHost: h\r\n\r\n', 400],
    ['a space at the beginning', ' GET / HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a method that is no token', 'G@T / HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a method without end', `${'A'.repeat(65)} / HTTP/1.1\r\nHost: h\r\n\r\n`, 400],
    ['no method', '/ HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a NUL in the target', 'GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a DEL in the target', 'GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a bare CR in the target', 'GET /\rx HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a bare LF at its end', 'GET / HTTP/1.1\nHost: h\r\n\r\n', 400],
    ['bare LFs alone', 'GET / HTTP/1.1\nHost: h\n\n', 400],
    ['a bare LF before it', '\nGET / HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a fragment', 'GET /v2.1/x#/../servers HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['no path', 'GET servers HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a star for GET', 'GET * HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['CONNECT', 'CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n', 400],
    ['CONNECT with a path', 'CONNECT http://h/ HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['an absolute form for another host', 'GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['an absolute form with a user', 'GET http://h@other/ HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['an absolute form for another port', 'GET http://h:81/ HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['another scheme', 'GET file:///etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['a target too long', `GET /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: h\r\n\r\n`, 414],
  ],
  'header fields': [
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: h\r\nHost: other\r\n\r\n', 400],
    ['two equal Hosts', 'GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n', 400],
    ['no Host', 'GET / HTTP/1.1\r\nX: y\r\n\r\n', 400],
    ['Host with a space', 'GET / HTTP/1.1\r\nHost: h other\r\n\r\n', 400],
    ['Host with a user', 'GET / HTTP/1.1\r\nHost: a@h\r\n\r\n', 400],
    ['Host with a path', 'GET / HTTP/1.1\r\nHost: h/v2.1\r\n\r\n', 400],
    ['Host with a port that is none', 'GET / HTTP/1.1\r\nHost: h:80x\r\n\r\n', 400],
    ['Host folded', 'GET / HTTP/1.1\r\nHost:\r\n h\r\n\r\n', 400],
    ['a bare CR in a value', `${GET}X: a\rb\r\n\r\n`, 400],
    ['a bare LF in a value', `${GET}X: a\nb: c\r\n\r\n`, 400],
    ['a NUL in a value', `${GET}X: a\0b\r\n\r\n`, 400],
    ['an escape byte in a value', `${GET}X: a\x1b[2Jb\r\n\r\n`, 400],
    ['a folded value', `${GET}X: a\r\n b\r\n\r\n`, 400],
    ['a value folded with a tab', `${GET}X: a\r\n\tb\r\n\r\n`, 400],
    ['a space in a name', `${GET}X Y: a\r\n\r\n`, 400],
    ['no name', `${GET}: a\r\n\r\n`, 400],
    ['no colon', `${GET}X\r\n\r\n`, 400],
    ['a byte above ASCII in a name', `${GET}X\xe9: a\r\n\r\n`, 400],
    ['a NUL in a name', `${GET}X\0Y: a\r\n\r\n`, 400],
    ['a CR before the end', `${GET}X: a\r\r\n\r\n`, 400],
    ['X_Auth_Token', `${GET}X_Auth_Token: stolen\r\n\r\n`, 400],
    ['OpenStack_API_Version', `${GET}OpenStack_API_Version: compute 2.1\r\n\r\n`, 400],
    ['X_Forwarded_For', `${GET}X_Forwarded_For: 10.0.0.1\r\n\r\n`, 400],
    ['a header too long', `${GET}X: ${'a'.repeat(70_000)}\r\n\r\n`, 431],
    ['too many fields', `${GET}${'X: y\r\n'.repeat(5000)}\r\n`, 431],
  ],
};

describe.each(Object.entries(REFUSED))('%s', (_family, rows) => {
  test.each(rows)('%s is refused and never reaches Nova', async (_name, bytes, status) => {
    const nova = await recorder(toEachHead(OK));
    const port = await proxyBefore(nova.port);
    const { text } = await talk(port, bytes);
    expect(statusOf(text)).toBe(status);
    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(head.split('\r\n')).toContain('Connection: close');
    expect(Object.values(JSON.parse(body))).toEqual([{ code: status, message: expect.stringMatching(/.\.$/) }]);
    expect(nova.received).toEqual([]);
  });
});

test('there are more than sixty such cases', () => {
  expect(Object.values(REFUSED).flat().length).toBeGreaterThan(60);
});

test.each([1, 7, 4096])('in pieces of %i bytes each of them gets the same answer', async (size) => {
  const nova = await recorder(toEachHead(OK));
  const port = await proxyBefore(nova.port);
  const sendInPieces = (bytes: string) =>
    new Promise<string>((resolve) => {
      let text = '';
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, async () => {
        for (let at = 0; at < bytes.length && !socket.destroyed && text === ''; at += size) {
          await new Promise((sent) => socket.write(bytes.slice(at, at + size), 'latin1', sent));
        }
      });
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(text));
    });
  // The oversized ones would be 70,000 packets.
  const rows = Object.values(REFUSED)
    .flat()
    .filter(([, bytes]) => bytes.length < 1000);
  for (const [name, bytes, status] of rows) expect([name, statusOf(await sendInPieces(bytes))]).toEqual([name, status]);
  expect(nova.received).toEqual([]);
});
