import { z } from 'zod';

/** Nova and Keystone write UTC, mostly without saying so: `2026-11-22T11:32:49.000000`. Whole seconds only. */
const utc = z.string().transform((text, context) => {
  const atMs = Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(atMs)) context.addIssue({ code: 'custom', message: `no time: ${text}` });
  return atMs;
});
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null);
const MIB = 2 ** 20;
const GIB = 2 ** 30;

export const TokenAnswer = z.object({
  token: z.object({
    expires_at: utc,
    user: z.object({ id: z.string(), name: z.string() }),
    project: z.object({ id: z.string() }).optional(),
    roles: z.array(z.object({ name: z.string() })).default([]),
    catalog: z
      .array(
        z.object({
          type: z.string(),
          endpoints: z.array(z.object({ interface: z.string(), region_id: z.string().nullish(), url: z.string() })),
        }),
      )
      .default([]),
  }),
});
export type TokenAnswer = z.infer<typeof TokenAnswer>;

export const VersionAnswer = z
  .object({ version: z.object({ version: z.string(), min_version: z.string() }) })
  .transform(({ version }) => ({ min: version.min_version, max: version.version }));

export const Server = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.string(),
    tenant_id: z.string(),
    user_id: z.string(),
    metadata: z.record(z.string(), z.string()).default({}),
    locked: z.boolean().default(false),
    flavor: z.object({
      original_name: z.string(),
      vcpus: z.number(),
      /** MiB */
      ram: z.number(),
      /** GiB */
      disk: z.number(),
    }),
    /** An empty text: booted from a volume. */
    image: z.union([z.object({ id: z.string() }), z.string()]).optional(),
    'OS-EXT-AZ:availability_zone': text,
    'OS-EXT-SRV-ATTR:host': text,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': text,
    'OS-EXT-SRV-ATTR:instance_name': text,
    'OS-EXT-STS:task_state': text,
    'OS-EXT-STS:vm_state': text,
    'OS-EXT-STS:power_state': z
      .number()
      .nullish()
      .transform((value) => value ?? null),
  })
  .transform((server) => ({
    id: server.id,
    name: server.name,
    status: server.status,
    vmState: server['OS-EXT-STS:vm_state'],
    taskState: server['OS-EXT-STS:task_state'],
    /** 1 running, 3 paused, 4 shut down (nova/compute/power_state.py). */
    powerState: server['OS-EXT-STS:power_state'],
    locked: server.locked,
    /** Null where the caller's role may not see it. */
    host: server['OS-EXT-SRV-ATTR:host'],
    /** Nova's name of the hypervisor there. */
    node: server['OS-EXT-SRV-ATTR:hypervisor_hostname'],
    /** libvirt's domain name. */
    instanceName: server['OS-EXT-SRV-ATTR:instance_name'],
    metadata: server.metadata,
    projectId: server.tenant_id,
    userId: server.user_id,
    imageId: typeof server.image === 'object' ? server.image.id : null,
    availabilityZone: server['OS-EXT-AZ:availability_zone'] || null,
    flavor: {
      name: server.flavor.original_name,
      vcpus: server.flavor.vcpus,
      memoryBytes: server.flavor.ram * MIB,
      diskBytes: server.flavor.disk * GIB,
    },
  }));
export type Server = z.infer<typeof Server> & {
  /** What Nova said it spoke: tells what `latest` meant. */
  microversion: string | null;
};

export const Migration = z
  .object({
    id: z.number().int(),
    uuid: z.string(),
    status: z.string(),
    migration_type: z.string(),
    instance_uuid: z.string(),
    source_compute: text,
    dest_compute: text,
    created_at: utc,
    updated_at: utc.nullish().transform((value) => value ?? null),
    user_id: text,
    project_id: text,
  })
  .transform((migration) => ({
    id: migration.id,
    uuid: migration.uuid,
    status: migration.status,
    migrationType: migration.migration_type,
    instanceUuid: migration.instance_uuid,
    sourceCompute: migration.source_compute,
    destCompute: migration.dest_compute,
    createdAtMs: migration.created_at,
    updatedAtMs: migration.updated_at,
    userId: migration.user_id,
    projectId: migration.project_id,
  }));
export type Migration = z.infer<typeof Migration>;

const count = z
  .number()
  .nullish()
  .transform((value) => value ?? null);

export const ServerMigration = z
  .object({
    id: z.number().int(),
    uuid: z.string(),
    status: z.string(),
    source_compute: text,
    dest_compute: text,
    memory_total_bytes: count,
    memory_processed_bytes: count,
    memory_remaining_bytes: count,
    created_at: utc,
  })
  .transform((migration) => ({
    id: migration.id,
    uuid: migration.uuid,
    status: migration.status,
    sourceCompute: migration.source_compute,
    destCompute: migration.dest_compute,
    memoryTotalBytes: migration.memory_total_bytes,
    memoryProcessedBytes: migration.memory_processed_bytes,
    memoryRemainingBytes: migration.memory_remaining_bytes,
    createdAtMs: migration.created_at,
  }));
export type ServerMigration = z.infer<typeof ServerMigration>;

export const InstanceAction = z
  .object({
    action: z.string(),
    request_id: z.string(),
    start_time: utc,
    user_id: text,
    project_id: text,
    message: text,
  })
  .transform((action) => ({
    action: action.action,
    requestId: action.request_id,
    startTimeMs: action.start_time,
    userId: action.user_id,
    projectId: action.project_id,
    message: action.message,
  }));
export type InstanceAction = z.infer<typeof InstanceAction>;

export const ComputeService = z
  .object({
    host: z.string(),
    status: z.enum(['enabled', 'disabled']),
    state: z.enum(['up', 'down']),
    zone: text,
    forced_down: z.boolean().default(false),
  })
  .transform(({ host, status, state, zone, forced_down }) => ({ host, status, state, zone, forcedDown: forced_down }));
export type ComputeService = z.infer<typeof ComputeService>;

export const Hypervisor = z
  .object({
    id: z.union([z.string(), z.number()]).transform(String),
    hypervisor_hostname: z.string(),
    hypervisor_type: z.string(),
    hypervisor_version: z.number(),
    state: z.string(),
    status: z.string(),
    host_ip: text,
    service: z.object({ host: z.string() }),
  })
  .transform((hypervisor) => ({
    id: hypervisor.id,
    hostname: hypervisor.hypervisor_hostname,
    host: hypervisor.service.host,
    state: hypervisor.state,
    status: hypervisor.status,
    hostIp: hypervisor.host_ip,
    type: hypervisor.hypervisor_type,
    version: hypervisor.hypervisor_version,
  }));
export type Hypervisor = z.infer<typeof Hypervisor>;
