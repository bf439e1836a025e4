import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { ADDED, OK, proxyBefore, recorder, statusOf, talk } from './rig.ts';

const HEAD = 'POST /v2.1/servers HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n';

/** Chunked bodies whose end two servers may find in two places. */
const MALFORMED: [name: string, body: string][] = [
  ['no size', '\r\nhello\r\n0\r\n\r\n'],
  ['a letter that is no digit', '5g\r\nhello\r\n0\r\n\r\n'],
  ['a prefix', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a plus sign', '+5\r\nhello\r\n0\r\n\r\n'],
  ['a minus sign', '-5\r\nhello\r\n0\r\n\r\n'],
  ['a space before the size', ' 5\r\nhello\r\n0\r\n\r\n'],
  ['a space behind the size', '5 \r\nhello\r\n0\r\n\r\n'],
  ['a space before the extension', '5 ;a=b\r\nhello\r\n0\r\n\r\n'],
  ['a size that overflows', '10000000000000005\r\nhello\r\n0\r\n\r\n'],
  ['a bare LF behind the size', '5\nhello\r\n0\r\n\r\n'],
  ['a bare CR behind the size', '5\rhello\r\n0\r\n\r\n'],
  ['a bare LF behind the data', '5\r\nhello\n0\r\n\r\n'],
  ['nothing behind the data', '5\r\nhello0\r\n\r\n'],
  ['data longer than its size', '3\r\nhello\r\n0\r\n\r\n'],
  ['a bare LF in an extension', '5;a\nb\r\nhello\r\n0\r\n\r\n'],
  ['a NUL in an extension', '5;a\0\r\nhello\r\n0\r\n\r\n'],
  ['extensions without end', `5;${'a'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`],
  ['a bare LF at the end', '5\r\nhello\r\n0\n\n'],
  ['a trailer that is no field', '5\r\nhello\r\n0\r\nnone\r\n\r\n'],
  ['a folded trailer', '5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n'],
  ['Content-Length in the trailer', '5\r\nhello\r\n0\r\nContent-Length: 100\r\n\r\n'],
  ['Transfer-Encoding in the trailer', '5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['Host in the trailer', '5\r\nhello\r\n0\r\nHost: other\r\n\r\n'],
  ['a token in the trailer', '5\r\nhello\r\n0\r\nX-Auth-Token: stolen\r\n\r\n'],
  ['an underscored token in the trailer', '5\r\nhello\r\n0\r\nX_Auth_Token: stolen\r\n\r\n'],
  ['a trailer without end', `5\r\nhello\r\n0\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`],
];

/** Answers once the end of a chunked body has come. */
function atTheEnd(bytes: string, answered: number): string | null {
  return answered === 0 && bytes.endsWith('0\r\n\r\n') ? OK : null;
}

test.each(MALFORMED)('%s: refused, and Nova sees no whole request', async (_name, body) => {
  const nova = await recorder(() => null);
  const port = await proxyBefore(nova.port);
  const { text } = await talk(port, `${HEAD}\r\n${body}`);
  expect(statusOf(text)).toBe(400);
  // What was good of it may have gone out; the end never has.
  const sent = nova.received.join('');
  expect(sent.slice(sent.indexOf('\r\n\r\n') + 4)).not.toMatch(/(^|\n)0+(;[^\n]*)?\r?\n([^\r\n]+\r?\n)*\r?\n/);
});

test.each([
  ['extensions', '5;name=value;flag;q="a b"\r\nhello\r\n0;last\r\n\r\n'],
  ['leading zeros and both cases', '00a\r\n0123456789\r\n0A\r\n0123456789\r\n000\r\n\r\n'],
  ['a trailer', '5\r\nhello\r\n0\r\nX-Checksum: 1\r\nx-checksum:  2 \r\n\r\n'],
  ['no content', '0\r\n\r\n'],
  ['bytes that look like an end', '9\r\n0\r\n\r\nGET \r\n0\r\n\r\n'],
])('%s arrive byte for byte', async (_name, body) => {
  const nova = await recorder((bytes, answered) => {
    const [, ...rest] = bytes.split('\r\n\r\n');
    return answered === 0 && rest.join('\r\n\r\n') === body ? OK : null;
  });
  const port = await proxyBefore(nova.port);
  const { text } = await talk(port, `${HEAD}\r\n${body}`, 'ok');
  expect(text).toBe(OK);
  expect(nova.received).toEqual([`${HEAD}${ADDED}Connection: close\r\n\r\n${body}`]);
});

test('in pieces of one byte a chunked body arrives byte for byte', async () => {
  const nova = await recorder(atTheEnd);
  const port = await proxyBefore(nova.port);
  const body = '5;a=b\r\nhello\r\n6\r\n world\r\n0\r\n\r\n';
  const text = await new Promise<string>((resolve) => {
    let seen = '';
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, async () => {
      for (const byte of `${HEAD}Connection: close\r\n\r\n${body}`) {
        await new Promise((sent) => socket.write(byte, 'latin1', sent));
      }
    });
    socket.on('data', (chunk) => {
      seen += chunk;
    });
    socket.on('close', () => resolve(seen));
  });
  expect(statusOf(text)).toBe(200);
  expect(nova.received[0]?.endsWith(`\r\n\r\n${body}`)).toBe(true);
});
