import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { headerValues } from './headers.ts';

/** A request's body: whole, or (being longer than the limit) a stream that gives all of it from its first byte. */
export type ReadBody = { whole: Buffer } | { stream: Readable };

/**
 * Reads a body up to `limit` bytes.
 *
 * @throws if the client goes away before the end
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<ReadBody> {
  const announced = Number(headerValues(request.rawHeaders, 'content-length')[0] ?? 0);
  if (announced > limit) return { stream: request };
  const chunks: Buffer[] = [];
  let length = 0;
  const source: AsyncIterator<Buffer> = request.iterator({ destroyOnReturn: false });
  for (;;) {
    const next = await source.next();
    if (next.done) return { whole: Buffer.concat(chunks) };
    chunks.push(next.value);
    length += next.value.length;
    if (length > limit) return { stream: Readable.from(replay(chunks, source), { objectMode: false }) };
  }
}

async function* replay(chunks: Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}
