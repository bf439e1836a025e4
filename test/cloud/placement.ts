import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Machines, MEMORY_MB } from './machines.ts';
import type { Trouble } from './trouble.ts';

export interface PlacementParts {
  machines: Machines;
  trouble: Trouble;
  ownerOf: (token: string) => 'caller' | 'service' | null;
}

/** Of the host with this place in the list. */
const providerOf = (at: number) => `5d2f5c0e-0000-4000-8000-${at.toString(16).padStart(12, '0')}`;
const HELD = { MEMORY_MB, VCPU: 1 };

/** Answers `/placement/...` as Placement does, as far as Drover asks it. */
export async function answerPlacement(
  { machines, trouble, ownerOf }: PlacementParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  if (ownerOf(String(request.headers['x-auth-token'] ?? '')) !== 'service') return send(401, errors(401));
  const fault = trouble.ofReading();
  if (fault?.kind === 'reset-before') return void request.socket.destroy();
  if (fault?.kind === 'status') return send(fault.status, errors(fault.status));
  if (fault?.kind === 'slow') await sleep(fault.ms);
  const { pathname } = new URL(request.url ?? '/', 'http://placement');
  const path = pathname.replace(/^\/placement/, '');
  const providers = machines.hosts.map((host, at) => ({ uuid: providerOf(at), host }));
  if (path === '/resource_providers') {
    const resource_providers = providers.map(({ uuid, host }) => ({
      uuid,
      name: nodeOf(host),
      root_provider_uuid: uuid,
    }));
    return send(200, { resource_providers });
  }
  if (path === '/allocation_candidates') {
    const open = providers.filter(({ host }) => machines.roomOn(host) > 0);
    const summaries = open.map(({ uuid, host }) => [uuid, summaryOf(machines, uuid, host)]);
    return send(200, { allocation_requests: [], provider_summaries: Object.fromEntries(summaries) });
  }
  const [, own, what] = /^\/resource_providers\/([^/]+)\/(inventories|usages)$/.exec(path) ?? [];
  const one = providers.find(({ uuid }) => uuid === own);
  if (own !== undefined && !one) return send(404, errors(404));
  if (one && what === 'usages') return send(200, { usages: useOf(machines, one.host).used });
  if (one) {
    const amounts = Object.entries(useOf(machines, one.host).capacity);
    const inventories = amounts.map(([name, total]) => [name, { total, reserved: 0, allocation_ratio: 1 }]);
    return send(200, { inventories: Object.fromEntries(inventories) });
  }
  const machine = machines.machines.get(/^\/allocations\/(.+)$/.exec(path)?.[1] ?? '');
  const host = machine && machines.placeOf(machine);
  const provider = providers.find((one) => one.host === host);
  send(200, { allocations: provider ? { [provider.uuid]: { generation: 1, resources: HELD } } : {} });
}

/** Nova's name of the hypervisor on a host. */
export function nodeOf(host: string): string {
  return `${host}.example`;
}

function useOf(machines: Machines, host: string): Record<'capacity' | 'used', Record<string, number>> {
  const { capacity } = machines;
  const guests = capacity - machines.roomOn(host);
  return {
    capacity: { MEMORY_MB: capacity * MEMORY_MB, VCPU: 16 * capacity },
    used: { MEMORY_MB: guests * MEMORY_MB, VCPU: guests },
  };
}

function summaryOf(machines: Machines, uuid: string, host: string): unknown {
  const { capacity, used } = useOf(machines, host);
  const names = Object.keys(capacity);
  return {
    resources: Object.fromEntries(names.map((name) => [name, { capacity: capacity[name], used: used[name] }])),
    traits: [],
    parent_provider_uuid: null,
    root_provider_uuid: uuid,
  };
}

function errors(status: number): unknown {
  return { errors: [{ status, title: 'fault', detail: 'put there by the test', request_id: 'req-placement' }] };
}
