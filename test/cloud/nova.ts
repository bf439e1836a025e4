import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { userOf } from './keystone.ts';
import type { Moment } from './ledger.ts';
import type { Machine, MachineMigration, Machines } from './machines.ts';
import { nodeOf } from './placement.ts';
import type { Fault, Trouble } from './trouble.ts';

export interface NovaParts {
  machines: Machines;
  trouble: Trouble;
  moment: (moment: Moment) => void;
  /** Whose token it is; null: not valid. */
  ownerOf: (token: string) => 'caller' | 'service' | null;
}

const NEWEST = '2.93';
/** Nova writes whole seconds. */
const novaTime = (atMs: number) => `${new Date(atMs).toISOString().slice(0, 19)}.000000`;

/** Answers one request of the compute API as Nova 26 does, as far as live migration goes. */
export async function answerNova(
  parts: NovaParts,
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://nova');
  const path = url.pathname.replace(/^\/v2\.1/, '');
  const owner = parts.ownerOf(String(request.headers['x-auth-token'] ?? ''));
  if (owner === null) return reply(request, response, 401, { error: { code: 401, message: 'Unauthorized' } });
  const [, id = '', rest = ''] = /^\/servers\/([0-9a-f-]{36})(\/.*)?$/.exec(path) ?? [];
  if (request.method === 'GET') return read(parts, request, response, { path, id, rest, url });
  const migrationId = Number(/^\/migrations\/(\d+)(\/action)?$/.exec(rest)?.[1] ?? Number.NaN);
  const fault = parts.trouble.ofAction();
  if (await metBefore(parts, fault, request, response)) return;
  const { machines, moment } = parts;
  if (request.method === 'DELETE') {
    const status = machines.abort(id, migrationId);
    return finish(fault, request, response, status, status === 202 ? null : faultOf(status, 'cannot abort'));
  }
  if (Number.isInteger(migrationId)) {
    moment('force-asked');
    const status = machines.forceComplete(id, migrationId);
    return finish(fault, request, response, status, status === 202 ? null : faultOf(status, 'cannot force'));
  }
  const migrate = rest === '/action' ? JSON.parse(body)['os-migrateLive'] : undefined;
  if (migrate === undefined) return reply(request, response, 404, faultOf(404, 'not in this double'));
  const tag = request.headers['x-client-tag'];
  const answer = machines.take(id, migrate.host ?? null, owner, typeof tag === 'string' ? tag : null);
  const refused = 'refused' in answer;
  await finish(
    fault,
    request,
    response,
    refused ? answer.refused : 202,
    refused ? faultOf(answer.refused, answer.message) : null,
    refused ? undefined : answer.taken.requestId,
  );
  moment('migrate-answered');
}

async function read(
  { machines, trouble, moment }: NovaParts,
  request: IncomingMessage,
  response: ServerResponse,
  { path, id, rest, url }: { path: string; id: string; rest: string; url: URL },
): Promise<void> {
  const fault = trouble.ofReading();
  if (fault?.kind === 'reset-before') return void request.socket.destroy();
  if (fault?.kind === 'status') return reply(request, response, fault.status, faultOf(fault.status, 'fault'));
  if (fault?.kind === 'slow') await sleep(fault.ms);
  const machine = machines.machines.get(id);
  if (id !== '' && !machine) return reply(request, response, 404, faultOf(404, `Instance ${id} could not be found.`));
  if (machine && rest === '') {
    reply(request, response, 200, { server: serverOf(machine) });
    return moment('server-shown');
  }
  if (machine && rest === '/os-instance-actions') {
    const instanceActions = machine.actions.map(({ action, requestId, startedAtMs, by }) => ({
      action,
      instance_uuid: id,
      request_id: requestId,
      user_id: userOf(by),
      project_id: 'project',
      start_time: novaTime(startedAtMs),
      message: null,
    }));
    reply(request, response, 200, { instanceActions });
    return moment('actions-shown');
  }
  if (path === '/os-migrations') {
    const wanted = url.searchParams.get('instance_uuid');
    const migrations = machines.migrations
      .filter((migration) => wanted === null || migration.machine.id === wanted)
      .map(migrationOf)
      .reverse();
    reply(request, response, 200, { migrations });
    return moment('migrations-shown');
  }
  if (path === '/os-services') {
    const services = machines.hosts.map((host) => ({
      binary: 'nova-compute',
      host,
      status: 'enabled',
      state: 'up',
      zone: 'nova',
      forced_down: false,
    }));
    reply(request, response, 200, { services });
    return moment('services-shown');
  }
  if (path === '/os-hypervisors/detail') {
    return reply(request, response, 200, { hypervisors: machines.hosts.map(hypervisorOf) });
  }
  if (path === '/servers/detail') {
    return reply(request, response, 200, { servers: [...machines.machines.values()].map(serverOf) });
  }
  reply(request, response, 404, faultOf(404, 'not in this double'));
}

/** True: the fault has ended the request, and Nova did not take it. */
async function metBefore(
  { machines, moment }: NovaParts,
  fault: Fault | null,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  moment('migrate-asked');
  if (fault?.kind === 'late') await sleep(fault.ms);
  if (fault?.kind !== 'reset-before' && fault?.kind !== 'status') return false;
  machines.ledger.turnedAway += 1;
  if (fault.kind === 'reset-before') request.socket.destroy();
  else reply(request, response, fault.status, faultOf(fault.status, 'fault'));
  return true;
}

async function finish(
  fault: Fault | null,
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: unknown,
  requestId?: string,
): Promise<void> {
  if (fault?.kind === 'reset-after') return void request.socket.destroy();
  if (fault?.kind === 'slow') await sleep(fault.ms);
  reply(request, response, status, body, requestId);
}

function faultOf(status: number, message: string): unknown {
  const name = status === 409 ? 'conflictingRequest' : status === 404 ? 'itemNotFound' : 'badRequest';
  return { [status >= 500 ? 'computeFault' : name]: { code: status, message } };
}

function serverOf({ id, name, host, metadata, taskState }: Machine): unknown {
  return {
    id,
    name,
    status: taskState === 'migrating' ? 'MIGRATING' : 'ACTIVE',
    tenant_id: 'project',
    user_id: 'user',
    metadata,
    locked: false,
    flavor: { original_name: 'm256', vcpus: 1, ram: 256, disk: 0 },
    image: { id: '7b68363c-0da2-4514-b4ab-44afe9ff8b14' },
    'OS-EXT-AZ:availability_zone': 'nova',
    'OS-EXT-SRV-ATTR:host': host,
    'OS-EXT-SRV-ATTR:instance_name': `instance-${id.slice(-8)}`,
    'OS-EXT-STS:task_state': taskState,
    'OS-EXT-STS:vm_state': 'active',
    'OS-EXT-STS:power_state': 1,
  };
}

function hypervisorOf(host: string): unknown {
  return {
    id: host,
    hypervisor_hostname: nodeOf(host),
    hypervisor_type: 'QEMU',
    hypervisor_version: 10000002,
    state: 'up',
    status: 'enabled',
    host_ip: '192.0.2.1',
    service: { host },
  };
}

function migrationOf(migration: MachineMigration): unknown {
  const { id, uuid, machine, by, source, destination, status, createdAtMs, updatedAtMs } = migration;
  return {
    id,
    uuid,
    instance_uuid: machine.id,
    source_compute: source,
    dest_compute: destination,
    status,
    migration_type: 'live-migration',
    user_id: userOf(by),
    project_id: 'project',
    created_at: novaTime(createdAtMs),
    updated_at: novaTime(updatedAtMs),
  };
}

let served = 0;

function reply(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: unknown,
  requestId?: string,
): void {
  if (response.destroyed || request.socket.destroyed) return;
  served += 1;
  const asked = /^compute (2\.\d+)$/.exec(String(request.headers['openstack-api-version'] ?? ''))?.[1] ?? NEWEST;
  const id = requestId ?? `req-${served.toString().padStart(8, '0')}`;
  const text = body === null ? '' : JSON.stringify(body);
  response.writeHead(status, {
    'Content-Length': Buffer.byteLength(text),
    'Content-Type': 'application/json',
    'OpenStack-API-Version': `compute ${asked}`,
    'X-OpenStack-Nova-API-Version': asked,
    Vary: ['OpenStack-API-Version', 'X-OpenStack-Nova-API-Version'],
    'x-openstack-request-id': id,
    'x-compute-request-id': id,
  });
  response.end(text);
}
