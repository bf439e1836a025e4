import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { describeError, HostdError } from '../errors.ts';

const MAX_BODY_BYTES = 64 * 1024;

/** @throws HostdError `request-invalid` that names each fault. */
export function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(whole)'}: ${issue.message}`);
  throw new HostdError('request-invalid', `${what} is not as the contract says: ${issues.join('; ')}.`);
}

/** The query, each name once. */
export function parseQuery<T>(schema: z.ZodType<T>, url: URL): T {
  return parse(schema, Object.fromEntries(url.searchParams), 'The query');
}

/** One part of the path without its percent-encoding. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HostdError('request-invalid', 'The lease id is not valid percent-encoding.');
  }
}

/** @throws HostdError `body-too-large` as soon as it is, `request-invalid` if it is not JSON. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new HostdError('body-too-large', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new HostdError('request-invalid', `The body is not JSON: ${describeError(error)}. Send one JSON object.`);
  }
}
