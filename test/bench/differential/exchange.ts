import { connect } from 'node:net';

/** One answer, or the way in which none came. Texts are bytes in latin1. */
export interface Answer {
  statusLine: string;
  /** In order and case as they came, names and values. */
  headers: (readonly [string, string])[];
  /** Without chunk framing. */
  body: string;
  /** Interim answers (1xx) before it. */
  interim: number;
  /** `broken`: the connection ended within the answer; `silent`: it ended without one; `late`: nothing came in time. */
  end: 'whole' | 'broken' | 'silent' | 'late';
}

const LATE_MS = 30_000;

/** Sends the bytes on a connection of their own and reads one answer. */
export function exchange(address: string, port: number, bytes: Buffer, method: string): Promise<Answer> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const socket = connect({ host: address, port }, () => socket.write(bytes));
    const done = (ended: boolean, late = false) => {
      const parsed = parse(received.toString('latin1'), method, ended);
      if (parsed === null && !ended && !late) return;
      clearTimeout(timer);
      socket.destroy();
      resolve(parsed ?? nothing(received.length > 0 ? 'broken' : late ? 'late' : 'silent'));
    };
    const timer = setTimeout(() => done(false, true), LATE_MS);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      done(false);
    });
    // An answer may have come before the rest of the request was refused.
    socket.on('error', () => done(true));
    socket.on('end', () => done(true));
  });
}

function nothing(end: Answer['end']): Answer {
  return { statusLine: '', headers: [], body: '', interim: 0, end };
}

/** Null: not whole yet. `ended`: no more will come. */
export function parse(text: string, method: string, ended: boolean): Answer | null {
  let interim = 0;
  let rest = text;
  for (;;) {
    const headEnd = rest.indexOf('\r\n\r\n');
    if (headEnd < 0) return null;
    const [statusLine = '', ...lines] = rest.slice(0, headEnd).split('\r\n');
    rest = rest.slice(headEnd + 4);
    const status = Number(statusLine.split(' ')[1]);
    if (status >= 100 && status < 200) {
      interim += 1;
      continue;
    }
    const headers = lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    });
    const body = bodyOf(rest, method, status, headers, ended);
    return body === null ? null : { statusLine, headers, interim, ...body };
  }
}

function bodyOf(
  rest: string,
  method: string,
  status: number,
  headers: Answer['headers'],
  ended: boolean,
): Pick<Answer, 'body' | 'end'> | null {
  const value = (name: string) => headers.find(([given]) => given.toLowerCase() === name)?.[1];
  if (method === 'HEAD' || status === 204 || status === 304) return { body: '', end: 'whole' };
  if (value('transfer-encoding') !== undefined) {
    const whole = dechunk(rest);
    return whole === null ? (ended ? { body: rest, end: 'broken' } : null) : { body: whole, end: 'whole' };
  }
  const length = value('content-length');
  if (length === undefined) return ended ? { body: rest, end: 'whole' } : null;
  if (rest.length >= Number(length)) return { body: rest.slice(0, Number(length)), end: 'whole' };
  return ended ? { body: rest, end: 'broken' } : null;
}

/** Null where the end has not come. */
function dechunk(framed: string): string | null {
  let out = '';
  for (let rest = framed; ; ) {
    const lineEnd = rest.indexOf('\r\n');
    if (lineEnd < 0) return null;
    const size = Number.parseInt(rest.slice(0, lineEnd), 16);
    if (size === 0) return out;
    if (Number.isNaN(size) || rest.length < lineEnd + 4 + size) return null;
    out += rest.slice(lineEnd + 2, lineEnd + 2 + size);
    rest = rest.slice(lineEnd + 4 + size);
  }
}
