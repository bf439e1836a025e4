import type { Answer } from './exchange.ts';

/** Of the connection, not of the answer (RFC 9110 section 7.6.1), and the time of day. */
const LEFT_OUT = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date']);

/** An answer without what differs between any two answers to the same request. */
export interface Comparable {
  status: string;
  /** `Name: value` in the order of their coming. */
  headers: string[];
  body: string;
  interim: number;
  end: Answer['end'];
}

export function comparable(answer: Answer): Comparable {
  return {
    status: answer.statusLine,
    headers: answer.headers
      .filter(([name]) => !LEFT_OUT.has(name.toLowerCase()))
      .map(([name, value]) => `${name}: ${withoutRequestId(value)}`),
    body: withoutRequestId(answer.body),
    interim: answer.interim,
    end: answer.end,
  };
}

function withoutRequestId(text: string): string {
  return text.replace(/req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'req-ID');
}

/** Where two answers to one request differ; `order`: in the order of the same header fields alone. */
export type Difference = 'status' | 'headers' | 'order' | 'body' | 'end';

export function differences(one: Comparable, other: Comparable): Difference[] {
  const sorted = ({ headers }: Comparable) => [...headers].sort().join('\n');
  const found: Difference[] = [];
  if (one.status !== other.status) found.push('status');
  if (sorted(one) !== sorted(other)) found.push('headers');
  else if (one.headers.join('\n') !== other.headers.join('\n')) found.push('order');
  if (one.body !== other.body) found.push('body');
  if (one.end !== other.end || one.interim !== other.interim) found.push('end');
  return found;
}

/**
 * For an answer that is another one at each asking (counters, times of the last report): its numbers and times masked,
 * and with them its length.
 */
export function masked(answer: Comparable): Comparable {
  const mask = (text: string) => text.replace(/\d+(\.\d+)?/g, 'N');
  return { ...answer, headers: answer.headers.map(mask), body: mask(answer.body) };
}
