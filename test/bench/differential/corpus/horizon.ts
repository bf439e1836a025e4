import type { Request } from '../request.ts';
import { get } from './common.ts';

/**
 * What a dashboard asks to draw its pages: overview, instances, one instance, flavors, hypervisors, quotas, migrations,
 * as openstack_dashboard/api/nova.py does, in the microversions that it asks for by feature and with none.
 */
const PAGES = [
  '/v2.1/limits?reserved=1',
  '/v2.1/os-simple-tenant-usage/{PROJECT}?start=2026-11-01T00:00:00&end=2026-11-24T23:59:59',
  '/v2.1/os-simple-tenant-usage?start=2026-11-01T00:00:00&end=2026-11-24T23:59:59&detailed=1',
  '/v2.1/servers/detail?limit=21&project_id={PROJECT}&sort_dir=desc&sort_key=created_at',
  '/v2.1/servers/detail?all_tenants=True&limit=21&marker={GUEST}',
  '/v2.1/servers/detail?all_tenants=True&host={HERE}&status=ACTIVE',
  '/v2.1/servers/detail?all_tenants=1&name=nobody&deleted=0',
  '/v2.1/servers?limit=1&all_tenants=1',
  '/v2.1/servers/{GUEST}',
  '/v2.1/servers/{SUSPENDED}',
  '/v2.1/servers/{GUEST}/os-security-groups',
  '/v2.1/servers/{GUEST}/os-instance-actions',
  '/v2.1/servers/{GUEST}/os-interface',
  '/v2.1/servers/{GUEST}/os-volume_attachments',
  '/v2.1/servers/{GUEST}/metadata',
  '/v2.1/servers/{GUEST}/tags',
  '/v2.1/servers/{GUEST}/ips',
  '/v2.1/servers/{GUEST}/migrations',
  '/v2.1/servers/{GUEST}/diagnostics',
  '/v2.1/servers/{SUSPENDED}/migrations',
  '/v2.1/flavors/detail?is_public=None&limit=21&sort_key=name&sort_dir=asc',
  '/v2.1/flavors/detail?is_public=None',
  '/v2.1/flavors/m128',
  '/v2.1/flavors/m128/os-extra_specs',
  '/v2.1/flavors/m128/os-flavor-access',
  '/v2.1/os-keypairs',
  '/v2.1/os-availability-zone',
  '/v2.1/os-availability-zone/detail',
  '/v2.1/os-aggregates',
  '/v2.1/os-hypervisors/detail',
  '/v2.1/os-hypervisors/statistics',
  '/v2.1/os-hypervisors?hypervisor_hostname_pattern={HERE}&with_servers=true',
  '/v2.1/os-services',
  '/v2.1/os-services?binary=nova-compute',
  '/v2.1/os-server-groups',
  '/v2.1/os-quota-sets/{PROJECT}',
  '/v2.1/os-quota-sets/{PROJECT}/defaults',
  '/v2.1/os-quota-sets/{PROJECT}/detail',
  '/v2.1/os-quota-class-sets/default',
  '/v2.1/os-migrations',
  '/v2.1/os-migrations?status=running&migration_type=live-migration',
  '/v2.1/os-migrations?instance_uuid={GUEST}&limit=1',
  '/v2.1/os-migrations?changes-since=2026-11-01T00:00:00Z&changes-before=2026-11-02T00:00:00Z',
  '/v2.1/extensions',
  '/v2.1/extensions/os-live-migration',
  '/v2.1/images/detail',
  '/',
  '/v2.1',
  '/v2.1/',
  '/v2/',
  '/v2/servers/detail',
  '/v2/{PROJECT}/servers/detail',
  '/v2.1/{PROJECT}/servers',
  '/v2.1/{PROJECT}/os-migrations',
];

const VERSIONS = [null, '2.1', '2.23', '2.40', '2.53', '2.59', '2.66', '2.80', '2.93', 'latest'];

export function horizonRequests(): Request[] {
  return PAGES.flatMap((target) => VERSIONS.map((version) => get('horizon', target, version)));
}
