import axios from 'axios';
import { z } from 'zod';
import { describeError } from '../errors.ts';

const ErrorBody = z.object({ error: z.object({ message: z.string() }) });

/** Asks the plugin's control API. Throws with advice if nobody answers, and with the plugin's own words if it refuses. */
export async function ask<T>(socketPath: string, path: string, schema: z.ZodType<T>): Promise<T> {
  const answer = await axios
    .get(`http://control${path}`, { socketPath, proxy: false, validateStatus: () => true })
    .catch((error: unknown) => {
      const advice = 'Is drover-plugin running? --socket or DROVER_SOCKET names another control socket';
      throw new Error(`${socketPath} does not answer (${describeError(error)}). ${advice}.`);
    });
  if (answer.status !== 200) {
    const body = ErrorBody.safeParse(answer.data);
    throw new Error(body.success ? body.data.error.message : `the control API answered HTTP ${answer.status}`);
  }
  return schema.parse(answer.data);
}
