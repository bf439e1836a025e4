/** nova.conf of the control plane and of the hosts. */
import { join } from 'node:path';
import { CONTROL_ADDRESS, type HostPlan, hostDirectory, type LabOptions, type LabPaths, PORTS } from '../plan.ts';
import { CACHE, databaseUrl, SERVICE_AUTH, TOKEN_CHECK, TRANSPORT_URL } from './identity.ts';
import { type Ini, renderIni } from './ini.ts';

/** As a host sees its configuration, and as hostd reads it. */
export const NOVA_CONF = '/etc/nova/nova.conf';
/** As every host sees the directory of the guests' disks. */
export const INSTANCES = '/var/lib/nova/instances';

function common(address: string, logFile: string, lockPath: string, statePath: string): Ini {
  return {
    DEFAULT: {
      my_ip: address,
      state_path: statePath,
      transport_url: TRANSPORT_URL,
      log_file: logFile,
      osapi_compute_listen: CONTROL_ADDRESS,
      osapi_compute_workers: 1,
      enabled_apis: 'osapi_compute',
      cpu_allocation_ratio: 32,
      ram_allocation_ratio: 4,
      disk_allocation_ratio: 10,
      vif_plugging_timeout: 60,
    },
    api: { auth_strategy: 'keystone' },
    wsgi: { api_paste_config: '/etc/nova/api-paste.ini' },
    conductor: { workers: 1 },
    scheduler: { workers: 1, discover_hosts_in_cells_interval: 10 },
    oslo_concurrency: { lock_path: lockPath },
    oslo_policy: { policy_dirs: '/etc/nova/policy.d' },
    glance: { api_servers: `http://${CONTROL_ADDRESS}:${PORTS.glance}` },
    placement: SERVICE_AUTH,
    // As plugin/deploy/README.md asks for it.
    notifications: { notification_format: 'versioned', notify_on_state_change: 'vm_and_task_state' },
    oslo_messaging_notifications: { driver: 'messagingv2' },
    service_user: { send_service_user_token: false },
    neutron: SERVICE_AUTH,
    keystone: SERVICE_AUTH,
    vnc: { enabled: false },
    spice: { enabled: false },
  };
}

/** @param cell the database of the cell that a `nova-manage` works on */
export function novaControlConf(paths: LabPaths, cell: 'nova' | 'nova_cell0' = 'nova'): string {
  const base = common(
    CONTROL_ADDRESS,
    join(paths.log, 'nova.log'),
    join(paths.state, 'locks'),
    join(paths.state, 'nova'),
  );
  return renderIni(base, TOKEN_CHECK, CACHE, {
    DEFAULT: { host: 'control' },
    api_database: { connection: databaseUrl(paths, 'nova_api') },
    database: { connection: databaseUrl(paths, cell) },
  });
}

export function novaComputeConf(paths: LabPaths, host: HostPlan, options: LabOptions): string {
  const directory = hostDirectory(paths, host);
  const log = join(paths.log, `nova-compute-${host.index}.log`);
  const helper = { helper_command: `privsep-helper --config-file ${NOVA_CONF}` };
  return renderIni(common(host.address, log, join(directory, 'locks'), join(directory, 'nova')), TOKEN_CHECK, CACHE, {
    DEFAULT: {
      host: host.name,
      compute_driver: 'libvirt.LibvirtDriver',
      instances_path: INSTANCES,
      reserved_host_memory_mb: 0,
      max_concurrent_live_migrations: options.maxLiveMigrations,
      running_deleted_instance_action: 'reap',
      // The guests do not hear ACPI: it would be 60 s for each that is stopped.
      shutdown_timeout: 20,
    },
    libvirt: {
      virt_type: 'qemu',
      cpu_mode: 'none',
      images_type: 'qcow2',
      live_migration_scheme: 'tcp',
      live_migration_inbound_addr: host.address,
      live_migration_permit_post_copy: !options.withoutPostCopy.includes(host.name),
      live_migration_permit_auto_converge: false,
      // 0: what `virsh migrate-setspeed` has set holds.
      live_migration_bandwidth: 0,
      live_migration_completion_timeout: 800,
      live_migration_timeout_action: 'abort',
    },
    // A block migration of the guest's image, which boots its kernel directly, fails its inspection.
    workarounds: { disable_deep_image_inspection: true },
    privsep: helper,
    nova_sys_admin: helper,
    vif_plug_linux_bridge_privileged: helper,
    vif_plug_ovs_privileged: helper,
  });
}
