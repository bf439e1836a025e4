import { request } from 'node:http';
import type { Random } from '../random.ts';
import type { Asked, Transport } from './clients.ts';

/** A replica that was stopped answers only when it goes on. */
const TIMEOUT_MS = 150_000;
const BODY = JSON.stringify({ 'os-migrateLive': { host: null, block_migration: 'auto' } });

/** To the compute API at ports of this machine; each request takes any of them. */
export class PortTransport implements Transport {
  readonly #ports: readonly [number, ...number[]];
  readonly #random: Random;

  constructor(ports: readonly [number, ...number[]], random: Random) {
    this.#ports = ports;
    this.#random = random;
  }

  migrate(vmUuid: string, tag: string, leaveMs: number | null): Promise<Asked['outcome']> {
    return this.#send('POST', `/v2.1/servers/${vmUuid}/action`, BODY, tag, leaveMs);
  }

  async abort(vmUuid: string): Promise<void> {
    const id = await this.#runningMigration(vmUuid);
    if (id !== null) await this.#send('DELETE', `/v2.1/servers/${vmUuid}/migrations/${id}`, '', 'abort', null);
  }

  #runningMigration(vmUuid: string): Promise<number | null> {
    return new Promise((done) => {
      const path = `/v2.1/os-migrations?instance_uuid=${vmUuid}`;
      const sent = request({
        host: '127.0.0.1',
        port: this.#random.pick(this.#ports),
        path,
        agent: false,
        headers: { 'X-Auth-Token': 'caller-1' },
      });
      sent.on('error', () => done(null));
      sent.on('response', async (answer) => {
        try {
          const chunks: Buffer[] = [];
          for await (const chunk of answer) chunks.push(chunk);
          const { migrations } = JSON.parse(Buffer.concat(chunks).toString());
          done(migrations?.find(({ status }: { status: string }) => status === 'running')?.id ?? null);
        } catch {
          done(null);
        }
      });
      sent.end();
    });
  }

  #send(method: string, path: string, body: string, tag: string, leaveMs: number | null): Promise<Asked['outcome']> {
    return new Promise((done) => {
      const sent = request({
        host: '127.0.0.1',
        port: this.#random.pick(this.#ports),
        method,
        path,
        agent: false,
        timeout: TIMEOUT_MS,
        headers: {
          'X-Auth-Token': `caller-${tag}`,
          'X-Client-Tag': tag,
          'OpenStack-API-Version': 'compute 2.93',
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
        },
      });
      const leave = leaveMs === null ? null : setTimeout(() => sent.destroy(new Error('left')), leaveMs);
      let status: number | null = null;
      sent.on('timeout', () => sent.destroy(new Error('timeout')));
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (leave) clearTimeout(leave);
        if (status !== null) return;
        if (error.message === 'timeout') throw new Error(`no answer to ${tag} within ${TIMEOUT_MS / 1000} s`);
        done(error.message === 'left' ? 'left' : error.code === 'ECONNREFUSED' ? 'refused' : 'broken');
      });
      sent.on('response', (answer) => {
        if (leave) clearTimeout(leave);
        status = answer.statusCode ?? 0;
        const requestId = String(answer.headers['x-openstack-request-id'] ?? '') || null;
        answer.resume();
        answer.once('error', () => {});
        done({ status, requestId });
      });
      sent.end(body);
    });
  }
}
