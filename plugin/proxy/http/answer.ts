import { ProxyError } from '../errors.ts';
import { announcedFraming, type BodyFraming } from './body.ts';
import { type Fields, parseFields } from './fields.ts';
import { keepsConnection } from './request.ts';

/** An answer's head, understood, and as it came. */
export interface AnswerHead {
  status: number;
  statusMessage: string;
  minorVersion: 0 | 1;
  /** Status line and header fields, each line with its CRLF, without the empty line behind them. */
  text: string;
  fields: Fields;
  body: BodyFraming;
  /** Values of Connection. */
  connection: string[];
  keepsConnection: boolean;
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t -~\x80-\xff]*))?\r\n/;

/**
 * Reads the head of an answer to a request of this method, as strictly as a request's.
 *
 * @throws ProxyError `answer-invalid`
 */
export function parseAnswerHead(text: string, method: string, fieldLimit: number): AnswerHead {
  const line = STATUS_LINE.exec(text);
  if (line === null) throw new ProxyError('answer-invalid', 'The Compute API did not answer in HTTP/1.');
  const minorVersion = line[1] === '1' ? 1 : 0;
  const status = Number(line[2]);
  const fields = parseFields(text, line[0].length, fieldLimit, 'answer-invalid');
  const { raw, names } = fields;
  const contentLengths: string[] = [];
  const transferEncodings: string[] = [];
  const connection: string[] = [];
  for (const [i, name] of names.entries()) {
    const value = raw[2 * i + 1] ?? '';
    if (name === 'connection') connection.push(value);
    else if (name === 'content-length') contentLengths.push(value);
    else if (name === 'transfer-encoding') transferEncodings.push(value);
  }
  const announced = announcedFraming({ contentLengths, transferEncodings, minorVersion }, 'answer-invalid');
  const hasNoBody = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  return {
    status,
    statusMessage: line[3] ?? '',
    minorVersion,
    text,
    fields,
    connection,
    body: hasNoBody ? { kind: 'none' } : (announced ?? { kind: 'close' }),
    keepsConnection: keepsConnection(connection, minorVersion),
  };
}
