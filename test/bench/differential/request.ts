/** A request of the comparison, with names in braces where the cloud's own values go. Texts are bytes in latin1. */
export interface Request {
  /** Where it comes from: `recorded`, `horizon`, `random`, `hostile`, `migrate`, `stateful`. */
  source: string;
  /** What it is, unique within its source. */
  name: string;
  method: string;
  target: string;
  /** In order, case and number as sent. Content-Length is added from the body unless one is given. */
  headers: readonly (readonly [string, string])[];
  body: string | null;
  chunked?: boolean;
  /** Instead of all of the above: bytes that are no well-formed request. */
  raw?: string;
}

/** What stands for the names, such as `{GUEST}`. */
export type Values = Readonly<Record<string, string>>;

export function fill(text: string, values: Values): string {
  return text.replace(/\{([A-Z_0-9]+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** The bytes on the wire. */
export function toBytes(request: Request, values: Values): Buffer {
  if (request.raw !== undefined) return Buffer.from(fill(request.raw, values), 'latin1');
  const body = request.body === null ? null : Buffer.from(fill(request.body, values), 'latin1');
  const has = (name: string) => request.headers.some(([given]) => given.toLowerCase() === name);
  const framing =
    body === null || has('content-length') || has('transfer-encoding')
      ? []
      : request.chunked
        ? ['Transfer-Encoding: chunked']
        : [`Content-Length: ${body.length}`];
  const lines = [
    `${request.method} ${fill(request.target, values)} HTTP/1.1`,
    ...request.headers.map(([name, value]) => `${name}: ${fill(value, values)}`),
    ...framing,
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (body === null) return head;
  return Buffer.concat([head, request.chunked ? inChunks(body) : body]);
}

/** Two chunks of the body, so that one boundary lies within it. */
function inChunks(body: Buffer): Buffer {
  const middle = Math.floor(body.length / 2);
  const parts = [body.subarray(0, middle), body.subarray(middle)].filter((part) => part.length > 0);
  const framed = parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
  return Buffer.concat([...framed, Buffer.from('0\r\n\r\n')]);
}
