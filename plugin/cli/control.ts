import axios from 'axios';
import { z } from 'zod';
import { describeError } from '../errors.ts';

const ErrorBody = z.object({ error: z.object({ message: z.string() }) });

/** Asks the plugin's control API, with a body by POST. Throws with advice if nobody answers, and with the plugin's own words if it refuses. */
export function ask<T>(socketPath: string, path: string, schema: z.ZodType<T>, body?: object): Promise<T> {
  return tell(socketPath, body === undefined ? 'GET' : 'POST', path, body, schema);
}

/** The same with another method. */
export async function tell<T>(
  socketPath: string,
  method: string,
  path: string,
  body: object | undefined,
  schema: z.ZodType<T>,
): Promise<T> {
  const answer = await axios
    .request({
      url: `http://control${path}`,
      method,
      ...(body === undefined ? {} : { data: body }),
      socketPath,
      proxy: false,
      validateStatus: () => true,
    })
    .catch((error: unknown) => {
      const advice = 'Is drover-plugin running? --socket or DROVER_SOCKET names another control socket';
      throw new Error(`${socketPath} does not answer (${describeError(error)}). ${advice}.`);
    });
  if (answer.status >= 300) {
    const refusal = ErrorBody.safeParse(answer.data);
    throw new Error(refusal.success ? refusal.data.error.message : `the control API answered HTTP ${answer.status}`);
  }
  return schema.parse(answer.data);
}
