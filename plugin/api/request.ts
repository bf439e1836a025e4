import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { DroverError, describeError } from '../errors.ts';

const MAX_BODY_BYTES = 64 * 1024;

/** @throws DroverError `request-invalid` that names each fault. */
export function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(whole)'}: ${issue.message}`);
  throw new DroverError('request-invalid', `${what} is not as plugin/contract.ts says: ${issues.join('; ')}`);
}

/** The query. @throws DroverError `request-invalid`: a name stands twice, is unknown, or has no such value. */
export function parseQuery<T>(schema: z.ZodType<T>, url: URL): T {
  const names = [...url.searchParams.keys()];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new DroverError('request-invalid', `the query has ${JSON.stringify(twice)} twice`);
  return parse(schema, Object.fromEntries(url.searchParams), 'the query');
}

/** @throws DroverError `body-too-large` as soon as it is, `request-invalid` if it is no JSON. */
export async function readJson(request: IncomingMessage, mostBytes = MAX_BODY_BYTES): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      throw new DroverError('body-too-large', `the body is larger than ${mostBytes} bytes`);
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new DroverError('request-invalid', `the body is not JSON (${describeError(error)}): send one JSON object`);
  }
}
