/**
 * Asks hostd from inside a network namespace: one JSON request a line on standard input, one JSON answer a line on
 * standard output. Run with `ip netns exec NAME node courier.ts PKI_DIR`.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Errand {
  id: number;
  method: string;
  url: string;
  body: string | null;
  /** Name of the client certificate in the directory; null: none is shown. */
  client: string | null;
}

export interface Delivery {
  id: number;
  /** 0 if there was no answer; `text` then tells why. */
  status: number;
  text: string;
}

function deliver(pki: string, errand: Errand): Promise<Delivery> {
  const read = (name: string) => readFileSync(join(pki, name));
  const { id, method, url, body, client } = errand;
  const identity = client === null ? {} : { cert: read(`${client}.crt`), key: read(`${client}.key`) };
  return new Promise((resolve) => {
    const outgoing = request(
      url,
      { method, ca: read('ca.crt'), ...identity, agent: false, timeout: 10_000 },
      (answer) => {
        let text = '';
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => resolve({ id, status: answer.statusCode ?? 0, text }));
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer after 10 s')));
    outgoing.on('error', (error) => resolve({ id, status: 0, text: error.message }));
    outgoing.end(body ?? undefined);
  });
}

if (import.meta.main) {
  const pki = process.argv[2] ?? '.';
  createInterface({ input: process.stdin }).on('line', (line) => {
    deliver(pki, JSON.parse(line) as Errand).then((delivery) => process.stdout.write(`${JSON.stringify(delivery)}\n`));
  });
}
