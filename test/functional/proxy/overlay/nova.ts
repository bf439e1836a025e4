import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAtLeast, requestedMicroversion } from '../../../../plugin/proxy/microversion.ts';
import { novaTime, pythonJson } from '../../../../plugin/proxy/overlay/views.ts';
import { backend } from '../rig.ts';

/** A row of Nova's table `migrations`. */
export interface Row {
  id: number;
  uuid: string;
  vm: string;
  status: string;
  type: string;
  source: string;
  destination: string | null;
  userId: string;
  projectId: string;
  createdAtMs: number;
  updatedAtMs: number;
}

export interface NovaServer {
  projectId: string;
  locked: boolean;
  status: string;
  taskState: string | null;
}

/** Who may what, as a token says. */
export interface TokenRights {
  projectId: string;
  /** `admin`: all. `manager`: from Nova 32, migrations of the project, without hosts. `member`: no migrations. */
  role: 'admin' | 'manager' | 'member';
}

const IN_PROGRESS = ['queued', 'preparing', 'running', 'post-migrating'];

/**
 * Nova's migrations API over real HTTP, written after nova/api/openstack/compute/{migrations,server_migrations}.py and
 * nova/db/main/api.py. It is what the merged answers are compared with: another one of these that holds the waiting
 * migrations as rows of its own must answer the same.
 */
export class MigrationsApi {
  readonly rows: Row[] = [];
  readonly servers = new Map<string, NovaServer>();
  readonly tokens = new Map<string, TokenRights>([['admin', { projectId: 'admin', role: 'admin' }]]);
  readonly asked: string[] = [];
  readonly maxLimit: number;
  /** Answers nothing but this. */
  broken: { status: number; body: string } | null = null;
  port = 0;

  constructor(maxLimit = 1000) {
    this.maxLimit = maxLimit;
  }

  async start(): Promise<this> {
    this.port = (await backend((request, response) => this.#answer(request, response))).port;
    return this;
  }

  row(id: number, vm: string, change: Partial<Row> = {}): Row {
    const createdAtMs = change.createdAtMs ?? Date.UTC(2026, 0, 1) + id * 1000;
    const row: Row = {
      id,
      uuid: randomUUID(),
      vm,
      status: 'completed',
      type: 'live-migration',
      source: 'compute-1',
      destination: 'compute-2',
      userId: 'user',
      projectId: this.servers.get(vm)?.projectId ?? 'project',
      createdAtMs,
      updatedAtMs: createdAtMs,
      ...change,
    };
    this.rows.push(row);
    return row;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.asked.push(`${request.method} ${request.url}`);
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { status, document } = this.#decide(request, Buffer.concat(chunks).toString());
      const version = this.#version(request);
      const text = document === null ? '' : typeof document === 'string' ? document : pythonJson(document);
      response.sendDate = false;
      response.writeHead(status, [
        ...['Content-Length', String(Buffer.byteLength(text)), 'Content-Type', 'application/json'],
        ...['OpenStack-API-Version', `compute ${version}`, 'X-OpenStack-Nova-API-Version', version],
        ...['Vary', 'OpenStack-API-Version', 'Vary', 'X-OpenStack-Nova-API-Version'],
        ...['x-openstack-request-id', 'req-nova', 'x-compute-request-id', 'req-nova'],
      ]);
      response.end(text);
    });
  }

  #version(request: IncomingMessage): string {
    const asked = requestedMicroversion(request.rawHeaders) ?? '2.1';
    return asked === 'latest' ? '2.104' : asked;
  }

  #decide(request: IncomingMessage, body: string): { status: number; document: unknown } {
    if (this.broken) return { status: this.broken.status, document: this.broken.body };
    const rights = this.tokens.get(String(request.headers['x-auth-token']));
    if (!rights) return fault(401, 'The request you have made requires authentication.', 'error');
    const url = new URL(request.url ?? '', 'http://nova');
    const version = this.#version(request);
    const [, , first, vm = '', third, id, action] = url.pathname.split('/');
    if (first === 'os-migrations') return this.#list(url, rights, version);
    const server = this.servers.get(vm);
    const hidden = server && rights.role !== 'admin' && rights.projectId !== server.projectId;
    if (!server || hidden) return fault(404, `Instance ${vm} could not be found.`);
    if (third === undefined) {
      const hosts = rights.role === 'admin' ? { 'OS-EXT-SRV-ATTR:host': 'compute-1' } : {};
      return { status: 200, document: { server: { id: vm, ...hosts } } };
    }
    const verb = `${request.method}${action === undefined ? '' : ' action'}`;
    const since = verb === 'DELETE' ? '2.24' : verb === 'GET' ? '2.23' : '2.22';
    if (!isAtLeast(version, since)) return fault(404, 'The resource could not be found.');
    if (rights.role === 'member' || (rights.role === 'manager' && id !== undefined && verb === 'GET')) {
      return fault(403, "Policy doesn't allow this to be performed.", 'forbidden');
    }
    if (verb === 'GET' && id === undefined) return this.#ofServer(vm, version, rights);
    if (verb === 'POST action' && body !== '{"force_complete": null}') return fault(400, `Invalid input: ${body}`);
    return this.#one(vm, server, Number(id), verb, version, rights);
  }

  #one(vm: string, server: NovaServer, id: number, verb: string, version: string, rights: TokenRights) {
    const row = this.rows.find((one) => one.id === id && one.vm === vm);
    const missing = `Migration ${id} not found for instance ${vm}`;
    if (verb === 'GET') {
      if (!row) return fault(404, `In-progress live migration ${id} is not found for server ${vm}.`);
      if (!IN_PROGRESS.includes(row.status)) {
        return fault(404, `Live migration ${id} for server ${vm} is not in progress.`);
      }
      return { status: 200, document: { migration: serverEntry(row, version, true) } };
    }
    const force = verb === 'POST action';
    const name = force ? 'force_complete' : 'abort live migration';
    if (server.locked && rights.role !== 'admin')
      return fault(409, `Instance ${vm} is in an invalid state for '${name}'`);
    if (force && server.status !== 'ACTIVE') {
      return fault(409, `Cannot '${name}' instance ${vm} while it is in vm_state ${server.status.toLowerCase()}`);
    }
    if (server.taskState !== 'migrating') {
      if (server.taskState === null) return fault(409, `Instance ${vm} is in an invalid state for '${name}'`);
      return fault(409, `Cannot '${name}' instance ${vm} while it is in task_state ${server.taskState}`);
    }
    if (!row) return fault(force ? 400 : 404, missing);
    const allowed = force ? ['running'] : isAtLeast(version, '2.65') ? ['running', 'queued', 'preparing'] : ['running'];
    if (!allowed.includes(row.status)) {
      const method = force ? 'force complete' : 'abort live migration';
      return fault(
        400,
        `Migration ${id} state of instance ${vm} is ${row.status}. Cannot ${method} while the migration is in this state.`,
      );
    }
    return { status: 202, document: null };
  }

  #ofServer(vm: string, version: string, rights: TokenRights) {
    const rows = this.rows.filter((row) => row.vm === vm && IN_PROGRESS.includes(row.status));
    const migrations = rows
      .sort((a, b) => a.id - b.id)
      .map((row) => serverEntry(row, version, rights.role === 'admin'));
    return { status: 200, document: { migrations } };
  }

  #list(url: URL, rights: TokenRights, version: string): { status: number; document: unknown } {
    const query = new Map(url.searchParams);
    const ownOnly = rights.role === 'manager' && query.get('project_id') === rights.projectId;
    if (rights.role !== 'admin' && !ownOnly) {
      return fault(403, "Policy doesn't allow os_compute_api:os-migrations:index to be performed.", 'forbidden');
    }
    const paged = isAtLeast(version, '2.59');
    const time = (name: string) => Math.floor(Date.parse(query.get(name) ?? '') / 1000) * 1000;
    const second = (atMs: number) => Math.floor(atMs / 1000) * 1000;
    const equals = (name: string, ...values: (string | null)[]) =>
      !query.has(name) || values.some((value) => value?.toLowerCase() === query.get(name)?.toLowerCase());
    const rows = this.rows.filter(
      (row) =>
        equals('status', row.status) &&
        equals('migration_type', row.type) &&
        equals('instance_uuid', row.vm) &&
        equals('user_id', row.userId) &&
        equals('project_id', row.projectId) &&
        equals('uuid', row.uuid) &&
        equals('hidden', '0') &&
        (query.has('host') ? equals('host', row.source, row.destination) : equals('source_compute', row.source)) &&
        (!paged || !query.has('changes-since') || second(row.updatedAtMs) >= time('changes-since')) &&
        (!isAtLeast(version, '2.66') ||
          !query.has('changes-before') ||
          second(row.updatedAtMs) <= time('changes-before')),
    );
    const hosts = rights.role === 'admin';
    const base = `${url.protocol}//nova.example/v2.1`;
    if (!paged) {
      const migrations = rows.sort((a, b) => a.id - b.id).map((row) => listEntry(row, version, hosts, base));
      return { status: 200, document: { migrations } };
    }
    rows.sort((a, b) => second(b.createdAtMs) - second(a.createdAtMs) || b.id - a.id);
    const marker = query.get('marker');
    const all = [...this.rows].sort((a, b) => second(b.createdAtMs) - second(a.createdAtMs) || b.id - a.id);
    const from = marker === undefined ? -1 : all.findIndex((row) => row.uuid === marker);
    if (marker !== undefined && from === -1) return fault(400, `Marker ${marker} could not be found.`);
    const limit = Math.min(Number(query.get('limit') ?? this.maxLimit), this.maxLimit);
    const page = rows.filter((row) => all.indexOf(row) > from).slice(0, limit);
    const last = page.at(-1);
    const next = new URLSearchParams(
      [...query].filter(([name]) => name !== 'marker').sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    return {
      status: 200,
      document: {
        migrations: page.map((row) => listEntry(row, version, hosts, base)),
        ...(last && page.length === limit
          ? { migrations_links: [{ rel: 'next', href: `${base}/os-migrations?${withMarker(next, last.uuid)}` }] }
          : {}),
      },
    };
  }
}

function withMarker(query: URLSearchParams, uuid: string): URLSearchParams {
  query.append('marker', uuid);
  return query;
}

function listEntry(row: Row, version: string, hosts: boolean, base: string): Record<string, unknown> {
  const since = (from: string, members: Record<string, unknown>) => (isAtLeast(version, from) ? members : {});
  const live = row.type === 'live-migration' && IN_PROGRESS.includes(row.status);
  const path = `servers/${row.vm}/migrations/${row.id}`;
  return {
    id: row.id,
    ...since('2.59', { uuid: row.uuid }),
    source_compute: hosts ? row.source : null,
    dest_compute: hosts ? row.destination : null,
    source_node: hosts ? row.source : null,
    dest_node: null,
    dest_host: null,
    old_instance_type_id: null,
    new_instance_type_id: null,
    instance_uuid: row.vm,
    status: row.status,
    ...since('2.23', { migration_type: row.type }),
    ...since('2.80', { user_id: row.userId, project_id: row.projectId }),
    created_at: novaTime(row.createdAtMs),
    updated_at: novaTime(row.updatedAtMs),
    ...(live
      ? since('2.23', {
          links: [
            { rel: 'self', href: `${base}/${path}` },
            { rel: 'bookmark', href: `${base.replace('/v2.1', '')}/${path}` },
          ],
        })
      : {}),
  };
}

function serverEntry(row: Row, version: string, hosts: boolean): Record<string, unknown> {
  return {
    created_at: novaTime(row.createdAtMs),
    dest_compute: hosts ? row.destination : null,
    dest_host: null,
    dest_node: null,
    disk_processed_bytes: null,
    disk_remaining_bytes: null,
    disk_total_bytes: null,
    id: row.id,
    memory_processed_bytes: null,
    memory_remaining_bytes: null,
    memory_total_bytes: null,
    server_uuid: row.vm,
    source_compute: hosts ? row.source : null,
    source_node: hosts ? row.source : null,
    status: row.status,
    updated_at: novaTime(row.updatedAtMs),
    ...(isAtLeast(version, '2.59') ? { uuid: row.uuid } : {}),
    ...(isAtLeast(version, '2.80') ? { user_id: row.userId, project_id: row.projectId } : {}),
  };
}

function fault(code: number, message: string, name?: string): { status: number; document: unknown } {
  const names: Record<number, string> = { 400: 'badRequest', 404: 'itemNotFound', 409: 'conflictingRequest' };
  return { status: code, document: { [name ?? names[code] ?? 'computeFault']: { code, message } } };
}
