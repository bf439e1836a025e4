/**
 * Runs inside the lab's control namespace: a proxy before nova-api, raw connections, and calls of the OpenStack client.
 * One JSON errand per line on stdin, one JSON answer per line on stdout. Ends when stdin ends.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { OpenStackClient } from 'openstack-client-ts';
import { pino } from 'pino';
import { ProxyServer } from '../../plugin/proxy/server.ts';

const [address = '', novaPort = '', authUrl = '', password = ''] = process.argv.slice(2);

/** Every live migration goes the way that most can go wrong on: kept whole, then written to the client. */
let handled = 0;
const proxy = new ProxyServer({
  listen: { address, port: 0 },
  upstream: `http://${address}:${novaPort}`,
  onLiveMigrate: async (_request, forward) => {
    handled += 1;
    return { kind: 'answered', answer: await forward() };
  },
  log: pino(pino.destination(2)),
});
const { port: proxyPort } = await proxy.start();

const client = new OpenStackClient({
  authUrl,
  username: 'admin',
  password,
  projectName: 'admin',
  // Past Drover, wherever the catalogue points.
  computeEndpoint: `http://${address}:${novaPort}`,
});
const errands: Record<string, (errand: Record<string, unknown>) => Promise<unknown>> = {
  ready: async () => ({ port: proxyPort }),
  handled: async () => handled,
  raw: async ({ port, bytes }) => (await raw(Number(port), Buffer.from(String(bytes), 'latin1'))).toString('latin1'),
  client: async ({ method, args }) => {
    const call = client[method as 'versions'] as (...given: unknown[]) => Promise<unknown>;
    return call.apply(client, args as unknown[]);
  },
};

function raw(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, address, () => socket.write(bytes));
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer within 30 s')));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const errand = JSON.parse(line);
  const answer = await errands[errand.kind]?.(errand).then(
    (value) => ({ value }),
    (error: Error & { code?: string }) => ({ error: error.message, code: error.code }),
  );
  process.stdout.write(`${JSON.stringify(answer ?? { error: `no errand ${errand.kind}` })}\n`);
}
await proxy.stop(0);
