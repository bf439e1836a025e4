import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { expect } from 'vitest';
import { createControlApi } from '../../../plugin/api/assemble.ts';
import type { ControlServer } from '../../../plugin/api/server.ts';
import { createToken } from '../../../plugin/api/token-file.ts';
import type { Control } from '../../../plugin/config.ts';
import type { Role } from '../../../plugin/contract.ts';
import { Controller } from '../../../plugin/controller/run.ts';
import { Store } from '../../../plugin/controller/store/store.ts';
import { PolicyFiles } from '../../../plugin/policy/watch.ts';
import { Tracker } from '../../../plugin/tracker/tracker.ts';
import { putPolicy } from '../../policy-file.ts';
import { HostDouble, NovaDouble } from '../controller/doubles.ts';

const SEED = join(import.meta.dirname, '../../../policies/seed.yaml');

export const vm = (n: number) => `6f1c3d0e-7d7f-4d57-8f67-2f1f5a3f9c${n.toString().padStart(2, '0')}`;

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever the call answers
  json: any;
}

export interface Asking {
  token?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** What Keystone says of a token in these tests. */
export interface KeystoneDouble {
  users: Map<string, { userId: string; userName: string; projectId: null; roles: string[]; expiresAtMs: number }>;
  asked: number;
  down: boolean;
}

/** The plugin without its proxy: real store, real loop, real socket and port; doubles for Nova, Keystone and hostd. */
export class Plugin {
  readonly folder = mkdtempSync(join(tmpdir(), 'drover-api-'));
  readonly nova = new NovaDouble();
  readonly hosts = [new HostDouble('compute-1'), new HostDouble('compute-2')] as const;
  readonly keystone: KeystoneDouble = { users: new Map(), asked: 0, down: false };
  readonly logged: string[] = [];
  novaDown = false;
  /** Why the plugin manages nothing. */
  problem: string | null = null;
  policyFile = SEED;
  control: Partial<Control> | null = {};
  controller!: Controller;
  store!: Store;
  server!: ControlServer;
  port = 0;
  #stop: (() => Promise<void>)[] = [];

  get tokens(): string {
    return join(this.folder, 'tokens.yaml');
  }

  get socket(): string {
    return join(this.folder, 'control.sock');
  }

  token(name: string, role: Role, expiresAtMs: number | null = null): string {
    return createToken(this.tokens, { name, role, expiresAtMs });
  }

  /** The shipped policy with more keys, and with more of its priorities. */
  policyWith(more: string, ofPriorities = ''): void {
    this.policyFile = join(this.folder, 'policy.yaml');
    const text = readFileSync(SEED, 'utf8');
    const priorities = ofPriorities === '' ? text : text.replace(/^priorities:\n/m, `priorities:\n  ${ofPriorities}\n`);
    putPolicy(this.policyFile, `${priorities}\n${more}\n`);
  }

  async start(): Promise<void> {
    const log: Logger = pino({ level: 'debug' }, { write: (line: string) => this.logged.push(line) });
    this.store = new Store(join(this.folder, 'drover.db'));
    const { store } = this;
    const policy = new PolicyFiles(this.policyFile, { pollMs: 50 });
    let hostChanged: (host: string) => void = () => {};
    const tracker = new Tracker([...this.hosts], log, (host) => hostChanged(host));
    const nova = this.nova.calls();
    this.controller = new Controller({ store, tracker, policy, nova, liveMigrateRoles: ['admin'], log });
    const { controller } = this;
    hostChanged = (host) => controller.hostChanged(host);
    const control = this.control && {
      listen: { address: '127.0.0.1', port: 0 },
      plainHttp: false,
      tokens: this.tokens,
      ...this.control,
    };
    this.server = createControlApi({
      config: { controlSocket: this.socket, ...(control ? { control } : {}) },
      client: {
        validateToken: async (token) => {
          this.keystone.asked += 1;
          if (this.keystone.down) throw new Error('connection refused');
          return this.keystone.users.get(token) ?? null;
        },
        versions: async () => {
          if (this.novaDown) throw new Error('connection refused');
          return { min: '2.1', max: '2.93' };
        },
      },
      store,
      controller,
      tracker,
      policy,
      problem: () => this.problem,
      log,
    });
    this.port = (await this.server.start()) ?? 0;
    await store.start();
    await policy.start();
    tracker.start();
    await expect
      .poll(() => [...tracker.hosts.values()].every((host) => host.sample !== null || !host.client))
      .toBe(true);
    await controller.start();
    this.#stop = [
      () => controller.stop(),
      () => tracker.stop(),
      () => policy.stop(),
      () => store.stop(),
      () => this.server.stop(),
    ];
  }

  async stop(): Promise<void> {
    for (const stop of this.#stop.splice(0)) await stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** Over the network. */
  call(method: string, path: string, asking: Asking = {}): Promise<Answer> {
    const { token, headers = {} } = asking;
    const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const where = this.control?.tls ? { ca: readFileSync(this.control.tls.cert), servername: 'localhost' } : null;
    return send({ host: '127.0.0.1', port: this.port, ...where }, method, path, { ...bearer, ...headers }, asking.body);
  }

  /** Over the socket, as local root. */
  local(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return send({ socketPath: this.socket }, method, path, headers, body);
  }

  certificate(): { cert: string; key: string } {
    const [cert, key] = [join(this.folder, 'tls.crt'), join(this.folder, 'tls.key')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'pipe' });
    return { cert, key };
  }
}

function send(
  where: { socketPath: string } | { host: string; port: number; ca?: Buffer },
  method: string,
  path: string,
  headers: Record<string, string>,
  body: unknown,
): Promise<Answer> {
  const sent = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const ask = 'ca' in where && where.ca ? httpsRequest : httpRequest;
    const request = ask({ ...where, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const isJson = response.headers['content-type'] === 'application/json';
        const json: unknown = isJson ? JSON.parse(text) : null;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    request.on('error', reject);
    request.end(sent);
  });
}
