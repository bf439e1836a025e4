/** Keystone, Placement, Glance and the infrastructure below them. */
import { join } from 'node:path';
import { CONTROL_ADDRESS, type HostPlan, type LabPaths, PORTS } from '../plan.ts';
import { CACHE, databaseUrl, TOKEN_CHECK } from './identity.ts';
import { renderIni } from './ini.ts';

export function keystoneConf(paths: LabPaths): string {
  return renderIni(CACHE, {
    DEFAULT: { log_file: join(paths.log, 'keystone.log') },
    database: { connection: databaseUrl(paths, 'keystone') },
    token: { provider: 'fernet', expiration: 86_400 },
    fernet_tokens: { key_repository: join(paths.state, 'keystone', 'fernet') },
    credential: { key_repository: join(paths.state, 'keystone', 'credential') },
    identity: { password_hash_rounds: 4 },
  });
}

export function placementConf(paths: LabPaths): string {
  return renderIni(TOKEN_CHECK, {
    DEFAULT: { log_file: join(paths.log, 'placement.log') },
    placement_database: { connection: databaseUrl(paths, 'placement') },
    api: { auth_strategy: 'keystone' },
  });
}

export function glanceConf(paths: LabPaths): string {
  return renderIni(TOKEN_CHECK, {
    DEFAULT: {
      log_file: join(paths.log, 'glance.log'),
      bind_host: CONTROL_ADDRESS,
      workers: 0,
      enabled_backends: '',
      enabled_import_methods: '[]',
      lock_path: join(paths.state, 'locks'),
    },
    database: { connection: databaseUrl(paths, 'glance') },
    glance_store: {
      stores: 'file',
      default_store: 'file',
      filesystem_store_datadir: join(paths.state, 'glance', 'images'),
    },
    image_format: { disk_formats: 'ami,ari,aki,raw,qcow2,iso' },
    paste_deploy: { flavor: 'keystone', config_file: '/etc/glance/glance-api-paste.ini' },
  });
}

export function rabbitConf(): string {
  return `loopback_users = none
listeners.tcp.1 = ${CONTROL_ADDRESS}:${PORTS.rabbit}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
`;
}

export function rabbitEnvironment(paths: LabPaths): Record<string, string> {
  const directory = join(paths.state, 'rabbit');
  return {
    HOME: join(directory, 'home'),
    RABBITMQ_NODENAME: 'drover@localhost',
    RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(directory, 'advanced.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 2:2',
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
  };
}

/** A database that may be lost: fast instead of durable. */
export function mariadbArguments(paths: LabPaths): string[] {
  return [
    '--no-defaults',
    '--user=root',
    `--datadir=${paths.database}`,
    `--socket=${paths.databaseSocket}`,
    `--pid-file=${join(paths.state, 'mariadb.pid')}`,
    `--bind-address=${CONTROL_ADDRESS}`,
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-doublewrite=0',
    '--innodb-buffer-pool-size=64M',
    '--sync-binlog=0',
    '--max-connections=400',
    '--performance-schema=0',
    '--character-set-server=utf8mb3',
    '--collation-server=utf8mb3_general_ci',
  ];
}

/**
 * A WSGI service under uWSGI. Without post-buffering and `Connection: close` POSTs on kept connections were reset
 * (the service answers before it has read the body).
 */
export function uwsgiArguments(port: number, script: string, processes: number, threads: number): string[] {
  return [
    ...['--http-socket', `${CONTROL_ADDRESS}:${port}`, '--wsgi-file', script],
    ...['--master', '--enable-threads', '--lazy-apps', '--die-on-term'],
    ...['--processes', String(processes), '--threads', String(threads)],
    ...['--buffer-size', '65535', '--post-buffering', '65535', '--add-header', 'Connection: close'],
  ];
}

/** /etc/hosts as the compute hosts see it. */
export function etcHosts(hosts: HostPlan[]): string {
  const lines = hosts.map((host) => `${host.address} ${host.name}`);
  return ['127.0.0.1 localhost', `${CONTROL_ADDRESS} control`, ...lines, ''].join('\n');
}
