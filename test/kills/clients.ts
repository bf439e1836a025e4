import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';

/** One live migration that a client asked for, and what it was told. */
export interface Asked {
  tag: string;
  vmUuid: string;
  sentAtMs: number;
  endedAtMs: number;
  /**
   * `left`: the client closed its connection. `broken`: the connection ended without an answer. `refused`: nobody took
   * the connection, so nothing was asked.
   */
  outcome: { status: number; requestId: string | null } | 'left' | 'broken' | 'refused';
}

/** After an outcome that it does not know a client lets a server rest: Nova may take a request that late. */
const REST_MS = 2500;
const LEAVES = 0.1;
const ABORTS = 0.05;
const TIMEOUT_MS = 60_000;

/** Clients of the compute API: each asks for one live migration after the other, of servers that nobody else asks for. */
export class Clients {
  readonly asked: Asked[] = [];
  readonly #ports: readonly [number, ...number[]];
  readonly #random: Random;
  readonly #machines: readonly string[];
  readonly #busy = new Map<string, number>();
  readonly #stop = new AbortController();
  #running: Promise<void>[] = [];
  #count = 0;

  /** `ports`: where the compute API is served; each request takes any of them. */
  constructor(ports: number | readonly [number, ...number[]], machines: readonly string[], random: Random) {
    this.#ports = typeof ports === 'number' ? [ports] : ports;
    this.#machines = machines;
    this.#random = random;
  }

  start(count: number): void {
    this.#running = Array.from({ length: count }, () => this.#client());
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #client(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const vmUuid = this.#free();
      if (vmUuid === null) {
        await sleep(50);
        continue;
      }
      this.#busy.set(vmUuid, Number.POSITIVE_INFINITY);
      const asked = await this.#migrate(vmUuid);
      if (asked.outcome !== 'refused') this.asked.push(asked);
      const known = typeof asked.outcome === 'object' || asked.outcome === 'refused';
      this.#busy.set(vmUuid, Date.now() + (known ? this.#random.whole(0, 300) : REST_MS));
      if (this.#random.chance(ABORTS)) await this.#abort(vmUuid);
      await sleep(asked.outcome === 'refused' ? 60 : this.#random.whole(0, 60));
    }
  }

  #free(): string | null {
    const nowMs = Date.now();
    const free = this.#machines.filter((id) => (this.#busy.get(id) ?? 0) <= nowMs);
    const [first, ...rest] = free;
    return first === undefined ? null : this.#random.pick([first, ...rest]);
  }

  async #migrate(vmUuid: string): Promise<Asked> {
    this.#count += 1;
    const tag = `client-${this.#count}`;
    const sentAtMs = Date.now();
    const leaveMs = this.#random.chance(LEAVES) ? this.#random.whole(0, 200) : null;
    const body = JSON.stringify({ 'os-migrateLive': { host: null, block_migration: 'auto' } });
    const path = `/v2.1/servers/${vmUuid}/action`;
    const outcome = await this.#send('POST', path, body, tag, leaveMs);
    return { tag, vmUuid, sentAtMs, endedAtMs: Date.now(), outcome };
  }

  /** Aborts whatever Nova runs of this server. */
  async #abort(vmUuid: string): Promise<void> {
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
