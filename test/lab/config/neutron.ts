/** neutron.conf of the server and of the hosts' Linux bridge agents. */
import { join } from 'node:path';
import { CONTROL_ADDRESS, type HostPlan, hostDirectory, type LabPaths } from '../plan.ts';
import { databaseUrl, SERVICE_AUTH, TOKEN_CHECK, TRANSPORT_URL } from './identity.ts';
import { renderIni } from './ini.ts';

/** Name of the flat provider network and of its physical network. */
export const PROVIDER_NETWORK = 'provider';
/** The one NIC of a host. */
export const NIC = 'nic0';

export function neutronServerConf(paths: LabPaths): string {
  return renderIni(TOKEN_CHECK, {
    DEFAULT: {
      log_file: join(paths.log, 'neutron.log'),
      state_path: join(paths.state, 'neutron'),
      host: 'control',
      bind_host: CONTROL_ADDRESS,
      core_plugin: 'ml2',
      service_plugins: '',
      transport_url: TRANSPORT_URL,
      api_workers: 0,
      rpc_workers: 0,
      rpc_state_report_workers: 0,
      notify_nova_on_port_status_changes: true,
      notify_nova_on_port_data_changes: true,
      api_paste_config: '/etc/neutron/api-paste.ini',
      auth_strategy: 'keystone',
    },
    experimental: { linuxbridge: true },
    database: { connection: databaseUrl(paths, 'neutron') },
    // The public endpoint may be the project's proxy, up or not.
    nova: { ...SERVICE_AUTH, endpoint_type: 'internal' },
    placement: SERVICE_AUTH,
    oslo_concurrency: { lock_path: join(paths.state, 'locks') },
    ml2: {
      type_drivers: 'flat',
      tenant_network_types: '',
      mechanism_drivers: 'linuxbridge',
      extension_drivers: 'port_security',
    },
    ml2_type_flat: { flat_networks: PROVIDER_NETWORK },
  });
}

export function neutronAgentPath(paths: LabPaths, host: HostPlan): string {
  return join(hostDirectory(paths, host), 'neutron.conf');
}

export function neutronAgentConf(paths: LabPaths, host: HostPlan): string {
  const directory = hostDirectory(paths, host);
  const helper = { helper_command: `privsep-helper --config-file ${neutronAgentPath(paths, host)}` };
  return renderIni({
    DEFAULT: {
      log_file: join(paths.log, `neutron-agent-${host.index}.log`),
      state_path: join(directory, 'neutron'),
      host: host.name,
      transport_url: TRANSPORT_URL,
    },
    experimental: { linuxbridge: true },
    oslo_concurrency: { lock_path: join(directory, 'locks') },
    agent: { root_helper: '/usr/bin/env', polling_interval: 1 },
    privsep: helper,
    privsep_link: helper,
    linux_bridge: { physical_interface_mappings: `${PROVIDER_NETWORK}:${NIC}` },
    vxlan: { enable_vxlan: false },
    securitygroup: { enable_security_group: false, firewall_driver: 'noop' },
  });
}

/** Name that the Linux bridge agent gives to a network's bridge. */
export function tenantBridge(networkId: string): string {
  return `brq${networkId.slice(0, 11)}`;
}
