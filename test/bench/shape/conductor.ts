/**
 * The plugin's client of hostd, in the network namespace that it runs in: one order a line of JSON on standard input,
 * one result a line on standard output. `ip netns exec NAME node conductor.ts PKI_DIR NAME=URL…`.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createHostClient, type HostClient, type LeaseWish } from '../../../plugin/tracker/hosts.ts';
import { monotonicMs } from './meter.ts';

export type Order = { id: number; host: string } & (
  | { call: 'info' | 'sample' }
  | { call: 'put'; leaseId: string; lease: LeaseWish }
  | { call: 'delete'; leaseId: string }
);

export interface Result {
  id: number;
  /** Just before the call began. */
  sentAtMs: number;
  answeredAtMs: number;
  answer?: unknown;
  error?: string;
}

function perform(client: HostClient, order: Order): Promise<unknown> {
  switch (order.call) {
    case 'info':
      return client.info();
    case 'sample':
      return client.sample();
    case 'put':
      return client.putLease(order.leaseId, order.lease);
    case 'delete':
      return client.deleteLease(order.leaseId);
  }
}

if (import.meta.main) {
  const [pki = '.', ...hosts] = process.argv.slice(2);
  const file = (name: string) => join(pki, name);
  const tls = { ca: file('ca.crt'), cert: file('plugin.crt'), key: file('plugin.key') };
  const clients = new Map(
    hosts.map((each) => {
      const [name = '', url = ''] = each.split('=');
      return [name, createHostClient(name, url, tls, () => 1)];
    }),
  );
  createInterface({ input: process.stdin }).on('line', async (line) => {
    const order = JSON.parse(line) as Order;
    const { id } = order;
    const client = clients.get(order.host);
    const sentAtMs = monotonicMs();
    const result: Result = await (client ? perform(client, order) : Promise.reject(new Error(`no host ${order.host}`)))
      .then((answer) => ({ id, sentAtMs, answeredAtMs: monotonicMs(), answer }))
      .catch((error: Error) => ({ id, sentAtMs, answeredAtMs: monotonicMs(), error: error.message }));
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });
}
