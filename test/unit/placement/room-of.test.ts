import type { ComputeService, Hypervisor } from 'openstack-client-ts';
import { describe, expect, it } from 'vitest';
import { placeOf, placesOf, roomOf } from '../../../plugin/placement/room-of.ts';

const hypervisor = (hostname: string, host: string) => ({ hostname, host }) as Hypervisor;
const service = (host: string, change: Partial<ComputeService> = {}): ComputeService => ({
  ...{ host, status: 'enabled', state: 'up', zone: 'nova', forcedDown: false },
  ...change,
});
const providers = [
  { uuid: 'u1', name: 'node-1.example', rootUuid: 'u1' },
  { uuid: 'u1-gpu', name: 'node-1.example_gpu', rootUuid: 'u1' },
  { uuid: 'u2', name: 'node-2.example', rootUuid: 'u2' },
  { uuid: 'pool', name: 'shared storage', rootUuid: 'pool' },
  { uuid: 'i1', name: 'baremetal-1', rootUuid: 'i1' },
  { uuid: 'i2', name: 'baremetal-2', rootUuid: 'i2' },
];
const places = placesOf(providers, [
  hypervisor('node-1.example', 'compute-1'),
  hypervisor('node-2.example', 'compute-2'),
  hypervisor('node-3.example', 'compute-3'),
  hypervisor('baremetal-1', 'ironic'),
  hypervisor('baremetal-2', 'ironic'),
]);

describe('the room of hosts', () => {
  it("finds Nova's host of each provider by its hypervisor, and leaves out what is no compute host of one", () => {
    expect([...places.hostOf]).toEqual([
      ['u1', 'compute-1'],
      ['u2', 'compute-2'],
    ]);
  });

  const told = { capacity: { MEMORY_MB: 4096, VCPU: 64 }, used: { MEMORY_MB: 4352, VCPU: 4 } };

  it('is capacity less use, of hosts that Placement told of', () => {
    const uses = [
      { uuid: 'u1', ...told },
      { uuid: 'pool', capacity: { DISK_GB: 100 }, used: {} },
    ];
    expect([...roomOf(places, uses, [service('compute-1'), service('compute-2')])]).toEqual([
      ['compute-1', { free: { MEMORY_MB: -256, VCPU: 60 }, zone: 'nova', accepts: true }],
    ]);
  });

  it('accepts no server where nova-compute is disabled, down, forced down or unknown', () => {
    const changes: Partial<ComputeService>[] = [{}, { status: 'disabled' }, { state: 'down' }, { forcedDown: true }];
    const accepts = (services: ComputeService[]) =>
      roomOf(places, [{ uuid: 'u1', ...told }], services).get('compute-1')?.accepts;
    const seen = changes.map((change) => accepts([service('compute-1', change)]));
    expect([...seen, accepts([])]).toEqual([true, false, false, false, false]);
  });

  it("tells where a server's place is, whatever else it holds", () => {
    const held = new Map([
      ['pool', { DISK_GB: 20 }],
      ['u2', { MEMORY_MB: 256, VCPU: 1 }],
    ]);
    expect(placeOf(places, held)).toEqual({ host: 'compute-2', holds: { MEMORY_MB: 256, VCPU: 1 } });
    expect(placeOf(places, new Map())).toBeNull();
  });
});
