import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { endToEnd, headerValues } from '../proxy/headers.ts';
import type { LiveMigrateRequest, UpstreamAnswer } from '../proxy/live-migrate.ts';

/**
 * Names the request in whatever replica has it: the follower sends it with the request, the leader keeps it with the
 * record. In an answer it says what the leader does not do:
 *
 * | `X-Drover-Handover` of the answer | the follower                                            |
 * |-----------------------------------|---------------------------------------------------------|
 * | none                              | gives the answer to the client                          |
 * | `pass`                            | sends the request to Nova unchanged: it is not managed  |
 * | `again`                           | looks for the leader again: this one is none (any more) |
 * | `unknown`                         | the same, but only a leader can say what became of it   |
 */
export const HANDOVER = 'x-drover-handover';
const CONNECT_WITHIN_MS = 2000;
const ANSWER_BYTES = 1024 * 1024;

export type HandedOver =
  | { kind: 'answered'; answer: UpstreamAnswer }
  | { kind: 'pass' }
  | { kind: 'again' }
  /** It was not reached: the request is still here alone. */
  | { kind: 'not-reached'; why: string }
  /** Its answer was lost: it may have the request. */
  | { kind: 'lost'; why: string };

/** What the leader answers a follower instead of an answer for the client. */
export function declined(word: 'pass' | 'again' | 'unknown'): UpstreamAnswer {
  return {
    status: 421,
    statusMessage: 'Misdirected Request',
    rawHeaders: ['X-Drover-Handover', word, 'Content-Length', '0'],
    body: Buffer.alloc(0),
  };
}

/** Sends a caller's request, as it came, to the replica at `address`. Never throws; `signal` gives up on it. */
export function handOver(
  address: string,
  ca: string | null,
  request: LiveMigrateRequest,
  handover: string,
  signal: AbortSignal,
): Promise<HandedOver> {
  return new Promise((resolve) => {
    const url = new URL(address);
    const secure = url.protocol === 'https:';
    let reached = false;
    const lost = (error: Error) => resolve({ kind: reached ? 'lost' : 'not-reached', why: error.message });
    const sent = (secure ? httpsRequest : httpRequest)({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port || (secure ? 443 : 80),
      method: request.method,
      path: request.path,
      headers: fields(request, handover),
      setDefaultHeaders: false,
      agent: false,
      ...(ca === null ? {} : { ca }),
      signal,
    });
    const timer = setTimeout(() => sent.destroy(new Error('no connection')), CONNECT_WITHIN_MS);
    sent.on('socket', (socket) => {
      // Of https too: before the handshake has ended nothing of the request goes out.
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        reached = true;
        clearTimeout(timer);
      });
    });
    sent.on('error', (error) => {
      clearTimeout(timer);
      lost(error);
    });
    sent.on('response', (answer) => {
      readWhole(answer).then((whole) => resolve(meaning(whole)), lost);
    });
    sent.end(request.rawBody);
  });
}

function meaning(answer: UpstreamAnswer): HandedOver {
  const [word] = headerValues(answer.rawHeaders, HANDOVER);
  if (word === 'unknown')
    return { kind: 'lost', why: 'it leads no more, and does not know what became of the request' };
  return word === 'pass' || word === 'again' ? { kind: word } : { kind: 'answered', answer };
}

/** Of this hop: the body is here as a whole and goes with its length. */
const FRAMING = ['content-length', 'transfer-encoding', 'trailer', 'expect', 'x-forwarded-for', HANDOVER];

/** The caller's own fields. The request's name is for the leader alone: as a field of this hop it does not go on to Nova. */
function fields({ rawHeaders, rawBody, clientAddress }: LiveMigrateRequest, handover: string): string[] {
  const own: string[] = [];
  const kept = endToEnd(rawHeaders);
  for (let i = 0; i + 1 < kept.length; i += 2) {
    const name = kept[i] ?? '';
    if (!FRAMING.includes(name.toLowerCase())) own.push(name, kept[i + 1] ?? '');
  }
  const before = headerValues(kept, 'x-forwarded-for');
  return [
    ...own,
    ...['X-Forwarded-For', [...before, clientAddress].join(', ')],
    ...['Content-Length', String(rawBody.length)],
    ...['X-Drover-Handover', handover],
    ...['Connection', 'close, X-Drover-Handover'],
  ];
}

async function readWhole(answer: IncomingMessage): Promise<UpstreamAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > ANSWER_BYTES) throw new Error(`its answer is longer than ${ANSWER_BYTES} bytes`);
  }
  return {
    status: answer.statusCode ?? 502,
    statusMessage: answer.statusMessage ?? '',
    rawHeaders: endToEnd(answer.rawHeaders),
    body: Buffer.concat(chunks),
  };
}
