import { KEYSTONE_URL, PASSWORD, REGION } from '../../lab/config/identity.ts';
import { renderIni } from '../../lab/config/ini.ts';
import { PROVIDER_NETWORK } from '../../lab/config/neutron.ts';

export interface TempestCloud {
  imageRef: string;
  /** Of the same image under another name: some tests rebuild with it. */
  otherImageRef: string;
  flavorRef: string;
  otherFlavorRef: string;
  hosts: number;
  /** Where tempest keeps its locks and logs. */
  folder: string;
}

/**
 * tempest.conf for the lab: users and projects are made for each test class, all on the lab's one network; guests are
 * not logged in to. Block migration is on for the tests that ask for `auto`; those that ask for `true` are refused by
 * Nova, since the hosts share their disks, and must be refused in the same way through Drover.
 */
export function tempestConf({ hosts, folder, ...cloud }: TempestCloud): string {
  return renderIni({
    DEFAULT: { log_dir: folder, log_file: 'tempest.log', debug: false },
    oslo_concurrency: { lock_path: `${folder}/locks` },
    auth: {
      admin_username: 'admin',
      admin_password: PASSWORD,
      admin_project_name: 'admin',
      admin_domain_name: 'Default',
      use_dynamic_credentials: true,
      create_isolated_networks: false,
      default_credentials_domain_name: 'Default',
    },
    identity: { uri_v3: KEYSTONE_URL, auth_version: 'v3', region: REGION, v3_endpoint_type: 'public' },
    compute: {
      image_ref: cloud.imageRef,
      image_ref_alt: cloud.otherImageRef,
      flavor_ref: cloud.flavorRef,
      flavor_ref_alt: cloud.otherFlavorRef,
      min_compute_nodes: hosts,
      fixed_network_name: PROVIDER_NETWORK,
      endpoint_type: 'public',
      build_interval: 1,
      build_timeout: 120,
      min_microversion: '2.1',
      max_microversion: 'latest',
    },
    'compute-feature-enabled': {
      live_migration: true,
      block_migration_for_live_migration: true,
      live_migrate_back_and_forth: true,
      can_migrate_between_any_hosts: true,
      volume_backed_live_migration: false,
      resize: false,
      cold_migration: false,
      vnc_console: false,
      attach_encrypted_volume: false,
      config_drive: false,
      metadata_service: false,
      shelve: false,
      rescue: false,
      stable_rescue: false,
      snapshot: false,
    },
    validation: { run_validation: false },
    network: { project_networks_reachable: false },
    service_available: { cinder: false, swift: false, glance: true, neutron: true, nova: true, horizon: false },
  });
}
