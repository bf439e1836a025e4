import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Request } from '../request.ts';

/** What the stock `openstack` and `nova` sent; `npm run bench:differential -- --record` writes it anew. */
export const RECORDING = join(import.meta.dirname, '../recorded.jsonl');

const Recorded = z.object({
  source: z.literal('recorded'),
  name: z.string(),
  method: z.string(),
  target: z.string(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  body: z.string().nullable(),
});

export function recordedRequests(): Request[] {
  if (!existsSync(RECORDING)) return [];
  const lines = readFileSync(RECORDING, 'utf8').trim().split('\n');
  return lines.map((line) => Recorded.parse(JSON.parse(line)));
}
