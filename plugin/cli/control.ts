import axios from 'axios';
import { z } from 'zod';
import { describeError } from '../errors.ts';

const ErrorBody = z.object({ error: z.object({ message: z.string() }) });

/** Asks the plugin's control API, with a body by POST. Throws with advice if nobody answers, and with the plugin's own words if it refuses. */
export async function ask<T>(socketPath: string, path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
  const request = body === undefined ? { method: 'GET' } : { method: 'POST', data: body };
  const answer = await axios
    .request({ ...request, url: `http://control${path}`, socketPath, proxy: false, validateStatus: () => true })
    .catch((error: unknown) => {
      const advice = 'Is drover-plugin running? --socket or DROVER_SOCKET names another control socket';
      throw new Error(`${socketPath} does not answer (${describeError(error)}). ${advice}.`);
    });
  if (answer.status !== 200) {
    const refusal = ErrorBody.safeParse(answer.data);
    throw new Error(refusal.success ? refusal.data.error.message : `the control API answered HTTP ${answer.status}`);
  }
  return schema.parse(answer.data);
}
