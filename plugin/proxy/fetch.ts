import type { ClientConnection } from './client.ts';
import { ProxyError } from './errors.ts';
import type { AnswerHead } from './http/answer.ts';
import { BodyReader } from './http/body.ts';
import type { RequestHead } from './http/request.ts';
import type { UpstreamAnswer } from './live-migrate.ts';
import { type BodyInHand, outgoing, type RelayParts } from './relay.ts';

/**
 * Sends a request to Nova, if `mayGo` says so when the connection stands, and gives its whole answer. It runs to its end,
 * whatever becomes of the client.
 *
 * @throws ProxyError; `upstream-unreachable` also where it was not to go; `answer-invalid` for an answer of more than `answerBytes`
 */
export function fetchAnswer(
  parts: RelayParts,
  head: RequestHead,
  client: ClientConnection,
  { bytes, continued }: BodyInHand,
  { answerBytes, headerBytes }: { answerBytes: number; headerBytes: number },
  mayGo: () => boolean = () => true,
): Promise<UpstreamAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let started: AnswerHead | null = null;
    let reader: BodyReader | null = null;
    const call = parts.upstreams.send(
      { ...outgoing(parts, head, client, continued), mayGo },
      {
        connected: (connection) => {
          connection.write(bytes);
          connection.bodySent();
        },
        interim: () => {},
        upstreamDrained: () => {},
        head: (answer) => {
          started = answer;
          reader = new BodyReader(answer.body, 'answer-invalid', headerBytes, (content) => {
            chunks.push(content);
            length += content.length;
          });
        },
        data: (piece) => {
          reader?.take(piece);
          if (length <= answerBytes) return;
          call.abort();
          reject(
            new ProxyError('answer-invalid', `The answer of the Compute API is longer than ${answerBytes} bytes.`),
          );
        },
        ended: () => {
          if (started === null) return;
          const { status, statusMessage, fields } = started;
          resolve({ status, statusMessage, rawHeaders: fields.raw, body: Buffer.concat(chunks) });
        },
        failed: reject,
      },
    );
  });
}
