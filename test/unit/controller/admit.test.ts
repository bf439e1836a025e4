import { describe, expect, it } from 'vitest';
import { admit } from '../../../plugin/controller/admit.ts';
import type { AdmissionCalls, ServerDetails } from '../../../plugin/nova/control.ts';

const SERVER: ServerDetails = {
  name: 'vm-1',
  projectId: 'project',
  flavorName: 'm256',
  memoryBytes: 2 ** 28,
  metadata: {},
  imageId: 'image-1',
  availabilityZone: 'nova',
  status: 'ACTIVE',
  taskState: null,
  locked: false,
  host: 'compute-1',
};

function calls(change: Partial<AdmissionCalls> = {}, server: Partial<ServerDetails> = {}): AdmissionCalls {
  return {
    caller: async () => ({ userId: 'user', roles: ['admin', 'member'] }),
    visible: async () => ({ microversion: '2.93' }),
    server: async () => ({ ...SERVER, ...server }),
    computeHosts: async () => ['compute-1', 'compute-2', 'compute-3'],
    newestMigration: async () => 7,
    ...change,
  };
}

const REQUEST = { token: 'token', serverId: 'id', host: 'compute-2', microversion: 'latest' };

describe('admit', () => {
  it('takes what Nova would accept', async () => {
    expect(await admit(REQUEST, calls(), ['admin'])).toMatchObject({
      kind: 'take',
      source: 'compute-1',
      destination: 'compute-2',
      userId: 'user',
      microversion: '2.93',
    });
  });

  it('leaves the destination open where Nova has a choice, and knows it where it has none', async () => {
    expect(await admit({ ...REQUEST, host: null }, calls(), ['admin'])).toMatchObject({
      destination: null,
      candidates: ['compute-2', 'compute-3'],
    });
    const two = calls({ computeHosts: async () => ['compute-1', 'compute-2'] });
    expect(await admit({ ...REQUEST, host: null }, two, ['admin'])).toMatchObject({ destination: 'compute-2' });
  });

  it.each<[string, AdmissionCalls, Partial<typeof REQUEST> | { token: null }]>([
    ['no-token', calls(), { token: null }],
    ['token-invalid', calls({ caller: async () => null }), {}],
    ['server-unknown', calls({ visible: async () => null }), {}],
    ['server-unknown', calls({ server: async () => null }), {}],
    ['role-missing', calls({ caller: async () => ({ userId: 'user', roles: ['member'] }) }), {}],
    ['server-busy', calls({}, { taskState: 'migrating' }), {}],
    ['server-busy', calls({}, { status: 'SHUTOFF' }), {}],
    ['server-locked', calls({ caller: async () => ({ userId: 'u', roles: ['operator'] }) }, { locked: true }), {}],
    ['server-without-host', calls({}, { host: null }), {}],
    ['destination-refused', calls(), { host: 'compute-1' }],
    ['destination-refused', calls(), { host: 'nowhere' }],
  ])('lets Nova answer: %s', async (code, answers, change) => {
    const admission = await admit({ ...REQUEST, ...change }, answers, ['admin', 'operator']);
    expect(admission).toMatchObject({ kind: 'pass', reason: { code } });
  });
});
