import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Dispatcher } from 'undici';
import { faultBody, type ProxyError } from './errors.ts';
import { endToEnd } from './headers.ts';
import type { UpstreamAnswer } from './live-migrate.ts';
import type { AnswerReceiver, OutgoingRequest, Upstream } from './upstream.ts';

/**
 * Sends a request to Nova and streams the answer to the client, at the pace of the slower side. A client that goes away
 * cancels it. Resolves when it is over, with the error if there was one.
 */
export function streamThrough(
  upstream: Upstream,
  outgoing: OutgoingRequest,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<ProxyError | null> {
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | null = null;
    let paused = false;
    const gone = () => !response.writableFinished && response.destroyed;
    response.on('drain', () => {
      paused = false;
      controller?.resume();
    });
    response.once('close', () => {
      if (!response.writableFinished) controller?.abort(new Error('the client went away'));
      resolve(null);
    });
    const receiver: AnswerReceiver = {
      started(started) {
        controller = started;
        if (gone()) started.abort(new Error('the client went away'));
      },
      head(status, statusMessage, rawHeaders) {
        response.writeHead(status, statusMessage, answerHeaders(rawHeaders, request));
      },
      data(chunk) {
        if (!response.write(chunk) && !paused) {
          paused = true;
          controller?.pause();
        }
      },
      ended(rawTrailers) {
        if (rawTrailers.length > 0) response.addTrailers(pairs(endToEnd(rawTrailers)));
        response.end();
      },
      failed(error) {
        if (gone()) return;
        if (response.headersSent) response.destroy();
        else writeFault(error, request, response);
        resolve(error);
      },
    };
    upstream.send(outgoing, receiver);
  });
}

/**
 * Sends a request to Nova and gives its whole answer. It runs to its end, whatever becomes of the client.
 *
 * @throws ProxyError
 */
export function fetchAnswer(upstream: Upstream, outgoing: OutgoingRequest, maxBytes: number): Promise<UpstreamAnswer> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    let head: Omit<UpstreamAnswer, 'body'> | null = null;
    const chunks: Buffer[] = [];
    let length = 0;
    upstream.send(outgoing, {
      started(started) {
        controller = started;
      },
      head(status, statusMessage, rawHeaders) {
        head = { status, statusMessage, rawHeaders };
      },
      data(chunk) {
        chunks.push(chunk);
        length += chunk.length;
        if (length > maxBytes) controller?.abort(new Error(`the answer is longer than ${maxBytes} bytes`));
      },
      ended() {
        if (head) resolve({ ...head, body: Buffer.concat(chunks) });
      },
      failed: reject,
    });
  });
}

/** Gives the client an answer that is there as a whole. */
export function writeAnswer(answer: UpstreamAnswer, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.status, answer.statusMessage, answerHeaders(answer.rawHeaders, request));
  response.end(answer.body);
}

export function writeFault(error: ProxyError, request: IncomingMessage, response: ServerResponse): void {
  const body = Buffer.from(faultBody(error));
  const rawHeaders = ['Content-Type', 'application/json; charset=UTF-8', 'Content-Length', String(body.length)];
  const statusMessage = STATUS_CODES[error.status] ?? '';
  writeAnswer({ status: error.status, statusMessage, rawHeaders, body }, request, response);
}

/** An answer that comes before the request has been read ends the connection: the rest of the request is in its way. */
function answerHeaders(rawHeaders: string[], request: IncomingMessage): string[] {
  const headers = endToEnd(rawHeaders);
  return request.complete ? headers : [...headers, 'Connection', 'close'];
}

function pairs(flat: string[]): [string, string][] {
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ''] as [string, string]] : []));
}
