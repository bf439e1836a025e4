import { OpenStackClient, type OpenStackConfig } from 'openstack-client-ts';
import { expect, test } from 'vitest';
import { type Cloud, cloud, json } from './cloud.ts';

const VM = '1f0d9a44-5a3e-4c1b-9f63-0d5b6a7c8e90';
const [ROOT, CHILD] = ['5d2f5c0e-0001-4000-8000-000000000001', '5d2f5c0e-0002-4000-8000-000000000002'];

function placementOf(self: Cloud, extra: Partial<OpenStackConfig> = {}) {
  const authUrl = `${self.url}/identity`;
  const account = { username: 'drover', password: 'secret', projectName: 'service', region: 'one' };
  return new OpenStackClient({ authUrl, ...account, ...extra }).placement;
}

test('it finds Placement in the catalogue and states its microversion', async () => {
  const self = await cloud();
  self.nova = (_asked, response) =>
    json(response, 200, {
      resource_providers: [
        {
          uuid: ROOT,
          name: 'hosta.example',
          generation: 7,
          parent_provider_uuid: null,
          root_provider_uuid: ROOT,
          links: [],
        },
        { uuid: CHILD, name: 'hosta.example_gpu', generation: 1, parent_provider_uuid: ROOT, root_provider_uuid: ROOT },
      ],
    });
  expect(await placementOf(self).resourceProviders()).toEqual([
    { uuid: ROOT, name: 'hosta.example', rootUuid: ROOT },
    { uuid: CHILD, name: 'hosta.example_gpu', rootUuid: ROOT },
  ]);
  const asked = self.asked.at(-1);
  expect(asked).toMatchObject({ method: 'GET', path: '/placement/resource_providers' });
  expect(asked?.headers).toMatchObject({ 'openstack-api-version': 'placement 1.29', 'x-auth-token': 'token-1' });
});

test('it tells capacity and use of each candidate', async () => {
  const self = await cloud();
  self.nova = (_asked, response) =>
    json(response, 200, {
      allocation_requests: [{ allocations: { [ROOT]: { resources: { MEMORY_MB: 1 } } } }],
      provider_summaries: {
        [ROOT]: {
          resources: { MEMORY_MB: { capacity: 7680, used: 512 }, VCPU: { capacity: 64, used: 2 } },
          traits: [],
          parent_provider_uuid: null,
          root_provider_uuid: ROOT,
        },
      },
    });
  expect(await placementOf(self).allocationCandidates({ MEMORY_MB: 1, VCPU: 1 })).toEqual([
    { uuid: ROOT, rootUuid: ROOT, capacity: { MEMORY_MB: 7680, VCPU: 64 }, used: { MEMORY_MB: 512, VCPU: 2 } },
  ]);
  expect(self.asked.at(-1)?.path).toBe('/placement/allocation_candidates?resources=MEMORY_MB%3A1%2CVCPU%3A1');
});

test('it tells capacity and use of a full one too, as Placement counts', async () => {
  const self = await cloud();
  const memory = { total: 7691, reserved: 512, allocation_ratio: 1.5, min_unit: 1, max_unit: 7691, step_size: 1 };
  self.nova = ({ path }, response) => {
    if (!path.includes(ROOT)) return json(response, 404, { errors: [{ status: 404, detail: 'no such provider' }] });
    const generation = { resource_provider_generation: 7 };
    if (path.endsWith('usages')) return json(response, 200, { ...generation, usages: { MEMORY_MB: 10768 } });
    json(response, 200, { ...generation, inventories: { MEMORY_MB: memory } });
  };
  expect(await placementOf(self).provider(ROOT)).toEqual({
    capacity: { MEMORY_MB: 10768 },
    used: { MEMORY_MB: 10768 },
  });
  expect(await placementOf(self).provider(CHILD)).toBeNull();
});

test('it tells what a server holds, and that another one holds nothing', async () => {
  const self = await cloud();
  const held = { [ROOT]: { generation: 7, resources: { MEMORY_MB: 256, VCPU: 1 } } };
  self.nova = ({ path }, response) => json(response, 200, { allocations: path.endsWith(VM) ? held : {} });
  const placement = placementOf(self, { placementEndpoint: `${self.url}/elsewhere` });
  expect(await placement.allocations(VM)).toEqual(new Map([[ROOT, { MEMORY_MB: 256, VCPU: 1 }]]));
  expect(await placement.allocations(CHILD)).toEqual(new Map());
  expect(self.asked.at(-1)?.path).toBe(`/elsewhere/allocations/${CHILD}`);
});

test("it gives Placement's own words where that refuses, and says which endpoint is missing", async () => {
  const self = await cloud();
  const detail = 'Access was denied to this resource.\n\n Policy does not allow placement:resource_providers:list ';
  self.nova = (_asked, response) =>
    json(response, 403, { errors: [{ status: 403, title: 'Forbidden', detail, request_id: 'req-1' }] });
  await expect(placementOf(self).resourceProviders()).rejects.toMatchObject({
    code: 'forbidden',
    message: expect.stringContaining('Policy does not allow placement:resource_providers:list'),
  });
  self.hasPlacement = false;
  await expect(placementOf(self).resourceProviders()).rejects.toMatchObject({
    code: 'catalogue-incomplete',
    message: expect.stringContaining('openstack catalog show placement'),
  });
});

test('it logs in anew where Placement does not take its token any more', async () => {
  const self = await cloud();
  self.valid = new Set(['token-2']);
  self.nova = (_asked, response) => json(response, 200, { resource_providers: [] });
  expect(await placementOf(self).resourceProviders()).toEqual([]);
  expect(self.logins).toBe(2);
});
