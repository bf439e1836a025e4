import type { IncomingMessage } from 'node:http';
import { type Plan, type WhatIfAnswer, WhatIfRequest } from './contract.ts';
import { DroverError } from './errors.ts';

/** What the calls below show; the controller provides it. */
export interface PlanSource {
  plan(): Plan;
  whatIf(request: WhatIfRequest): Promise<WhatIfAnswer>;
}

const MOST_BODY_BYTES = 256 * 1024;
const FIRST_ISSUES = 5;

/** `POST /v1/plan/what-if`. @throws DroverError `request-invalid` for a body that is none, is too long, or says something else. */
export async function answerWhatIf(source: PlanSource, request: IncomingMessage): Promise<WhatIfAnswer> {
  const asked = WhatIfRequest.safeParse(await jsonOf(request));
  if (asked.success) return source.whatIf(asked.data);
  const issues = asked.error.issues.slice(0, FIRST_ISSUES);
  const text = issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`).join('; ');
  throw new DroverError('request-invalid', `it is no WhatIfRequest (plugin/contract.ts): ${text}`);
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Read to its end also if it is too long: who stops reading cannot answer.
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes <= MOST_BODY_BYTES) parts.push(part);
  }
  if (bytes > MOST_BODY_BYTES) throw new DroverError('request-invalid', `a body has at most ${MOST_BODY_BYTES} bytes`);
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (error) {
    throw new DroverError('request-invalid', 'the body is not JSON', { cause: error });
  }
}
