import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { answerWhatIf, type PlanSource } from './api-plan.ts';
import type { MigrationEvent, MigrationRecord, Notice, PolicyExplanation, PolicyStatus } from './contract.ts';
import { DroverError, describeError } from './errors.ts';

/** What the control API shows; the controller provides it. */
export interface ControlSource extends PlanSource {
  unfinished(): Promise<MigrationRecord[]>;
  newest(limit: number): Promise<MigrationRecord[]>;
  migration(id: number): Promise<MigrationRecord | null>;
  events(id: number): Promise<MigrationEvent[]>;
  policy(): PolicyStatus;
  /** What the policy says of a server, by name or id. */
  explain(vm: string, destination: string | null): Promise<PolicyExplanation>;
  notices(after: number, limit: number): Promise<Notice[]>;
  health(): { status: 'ok' | 'degraded'; problems: string[] };
}

const NEWEST_LIMIT = 200;

/** The control API (contract.ts) on a unix socket that only its owner may open. */
export class ControlServer {
  readonly #path: string;
  readonly #source: ControlSource;
  readonly #log: Logger;
  #server: Server | null = null;

  constructor(path: string, source: ControlSource, log: Logger) {
    this.#path = path;
    this.#source = source;
    this.#log = log;
  }

  /** Takes the place of a socket that a killed process left; throws if a living one answers there. */
  async start(): Promise<void> {
    mkdirSync(dirname(this.#path), { recursive: true });
    if (await answers(this.#path)) {
      throw new DroverError('config-invalid', `${this.#path}: another drover-plugin is running; stop it first`);
    }
    rmSync(this.#path, { force: true });
    const server = createServer((request, response) => {
      this.#answer(request)
        .then((body) => ({ status: 200, body }))
        .catch((error: unknown) => this.#failure(error))
        .then(({ status, body }) => {
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
        });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#path, resolve);
    });
    chmodSync(this.#path, 0o600);
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = null;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  async #answer(request: IncomingMessage): Promise<unknown> {
    const { method = '' } = request;
    const url = new URL(request.url ?? '/', 'http://control');
    if (method === 'POST' && url.pathname === '/v1/plan/what-if') return answerWhatIf(this.#source, request);
    if (method !== 'GET')
      throw new DroverError('request-invalid', `${method} ${url.pathname}: only GET is served here`);
    if (url.pathname === '/v1/plan') return this.#source.plan();
    const [, one, events] = url.pathname.match(/^\/v1\/migrations\/(\d{1,15})(\/events)?$/) ?? [];
    if (one !== undefined) {
      const migration = await this.#source.migration(Number(one));
      if (!migration)
        throw new DroverError('migration-unknown', `no migration ${one}; \`drover queue --all\` lists them`);
      return events ? this.#source.events(migration.id) : migration;
    }
    if (url.pathname === '/v1/migrations') {
      return url.searchParams.get('all') ? this.#source.newest(NEWEST_LIMIT) : this.#source.unfinished();
    }
    if (url.pathname === '/v1/policy') return this.#source.policy();
    if (url.pathname === '/v1/policy/explain') {
      const vm = url.searchParams.get('vm');
      if (!vm) throw new DroverError('request-invalid', 'name the server: ?vm=NAME_OR_ID');
      return this.#source.explain(vm, url.searchParams.get('destination'));
    }
    if (url.pathname === '/v1/notices') {
      const after = url.searchParams.get('after') ?? '0';
      if (!/^\d{1,15}$/.test(after)) throw new DroverError('request-invalid', 'after is the id of a notice');
      return this.#source.notices(Number(after), NEWEST_LIMIT);
    }
    if (url.pathname === '/healthz') return this.#source.health();
    throw new DroverError('request-invalid', `${url.pathname}: no such call; plugin/contract.ts lists them`);
  }

  #failure(error: unknown): { status: number; body: object } {
    const known = error instanceof DroverError ? error : null;
    if (!known) this.#log.error({ error: describeError(error) }, 'control API call failed');
    return {
      status: known?.status ?? 500,
      body: {
        error: {
          code: known?.code ?? 'internal',
          message: describeError(error),
          retryable: known?.retryable ?? false,
        },
      },
    };
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
