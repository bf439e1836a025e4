import { dropped } from '../headers.ts';
import type { AnswerHead } from './answer.ts';
import type { RequestHead } from './request.ts';

/** What this side of the proxy knows of a client, for Nova. */
export interface ClientSide {
  address: string;
  protocol: 'http' | 'https';
  /** Its own X-Forwarded fields count: it is a proxy of the operator's. Otherwise they are replaced. */
  trusted: boolean;
}

export interface RequestEdit {
  /** Null: nothing is said of the client. */
  client: ClientSide | null;
  /** The connection to Nova ends after this request. */
  closes: boolean;
  /** The client has been told to go on already. */
  continued: boolean;
}

const FORWARDED = /^(x-)?forwarded(-|$)/;

/**
 * A request's head for Nova: the bytes as they came, without the lines of the hop (RFC 9110 section 7.6.1); the proxy's
 * own lines stand at the end. X-Forwarded-For grows by the client's address, in one line (WSGI servers that find two
 * take one of them); X-Forwarded-Proto and -Host are added where a trusted client has not said them. These are what
 * oslo.middleware's http_proxy_to_wsgi reads.
 */
export function requestHeadForNova(head: RequestHead, edit: RequestEdit): string {
  const { client, closes, continued } = edit;
  const { raw, names, starts } = head.fields;
  const isDropped = dropped(head.connection);
  let kept = '';
  let from = 0;
  let forwardedFor = '';
  let hasProtocol = false;
  let hasHost = false;
  for (const [i, name] of names.entries()) {
    let leavesOut = isDropped(name) || (continued && name === 'expect');
    if (!leavesOut && client !== null && FORWARDED.test(name)) {
      if (!client.trusted) leavesOut = true;
      else if (name === 'x-forwarded-for') {
        forwardedFor += `${raw[2 * i + 1]}, `;
        leavesOut = true;
      } else if (name === 'x-forwarded-proto') hasProtocol = true;
      else if (name === 'x-forwarded-host') hasHost = true;
    }
    if (leavesOut) {
      kept += head.text.slice(from, starts[i]);
      from = starts[i + 1] ?? from;
    }
  }
  let text = from === 0 ? head.text : kept + head.text.slice(from);
  if (client !== null) {
    text += `X-Forwarded-For: ${forwardedFor}${client.address}\r\n`;
    if (!hasProtocol) text += `X-Forwarded-Proto: ${client.protocol}\r\n`;
    if (!hasHost && head.host !== '') text += `X-Forwarded-Host: ${head.host}\r\n`;
  }
  return closes ? `${text}Connection: close\r\n\r\n` : `${text}\r\n`;
}

/** An answer's head for the client: the bytes as they came, without the lines of the hop, with this Connection option. */
export function answerHeadForClient(head: AnswerHead, option: ConnectionOption): string {
  const { names, starts } = head.fields;
  const isDropped = dropped(head.connection);
  let kept = '';
  let from = 0;
  for (const [i, name] of names.entries()) {
    if (isDropped(name)) {
      kept += head.text.slice(from, starts[i]);
      from = starts[i + 1] ?? from;
    }
  }
  const text = from === 0 ? head.text : kept + head.text.slice(from);
  return option === null ? `${text}\r\n` : `${text}Connection: ${option}\r\n\r\n`;
}

/** What an answer says of the client's connection; null: nothing, it goes on as its HTTP version has it. */
export type ConnectionOption = 'close' | 'keep-alive' | null;
