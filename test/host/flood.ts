/**
 * Many calls to hostd from inside a network namespace, several at a time. Run with
 * `ip netns exec NAME node flood.ts '{"pki":...}'`; prints one JSON line with what came back.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';

export interface Flood {
  pki: string;
  /** Name of the client certificate in `pki`; null: none is shown. */
  client: string | null;
  method: string;
  url: string;
  body?: string;
  count: number;
  /** Calls at a time. */
  width: number;
  keepAlive: boolean;
  /** Calls go on until this many milliseconds are over, however many that are. */
  forMs?: number | undefined;
}

export interface FloodResult {
  /** How often each HTTP status, or code of an error, came back. */
  outcomes: Record<string, number>;
  /** A text that came back, for each of them. */
  texts: Record<string, string>;
  /** Of every call, ascending. */
  latenciesMs: number[];
  tookMs: number;
}

async function flood(order: Flood): Promise<FloodResult> {
  const { pki, client, method, url, body, count, width, keepAlive, forMs } = order;
  const read = (name: string) => readFileSync(join(pki, name));
  const identity = client === null ? {} : { cert: read(`${client}.crt`), key: read(`${client}.key`) };
  // Without a session to take up again every connection is a whole handshake.
  const agent = new Agent({ ca: read('ca.crt'), ...identity, keepAlive, maxSockets: width, maxCachedSessions: 0 });
  const result: FloodResult = { outcomes: {}, texts: {}, latenciesMs: [], tookMs: 0 };
  const startedAt = performance.now();
  let left = count;
  const call = () =>
    new Promise<void>((resolve) => {
      const at = performance.now();
      const settle = (outcome: string, text: string) => {
        result.outcomes[outcome] = (result.outcomes[outcome] ?? 0) + 1;
        result.texts[outcome] = text;
        result.latenciesMs.push(performance.now() - at);
        resolve();
      };
      const outgoing = request(url, { method, agent, timeout: 20_000 }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => settle(String(answer.statusCode), text));
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer after 20 s')));
      outgoing.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message, error.message));
      outgoing.end(body);
    });
  const more = () => (forMs === undefined ? left-- > 0 : performance.now() - startedAt < forMs);
  const work = async () => {
    while (more()) await call();
  };
  await Promise.all(Array.from({ length: width }, work));
  agent.destroy();
  result.tookMs = performance.now() - startedAt;
  result.latenciesMs.sort((a, b) => a - b);
  return result;
}

if (import.meta.main) process.stdout.write(JSON.stringify(await flood(JSON.parse(process.argv[2] ?? '{}') as Flood)));
