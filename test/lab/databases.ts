/** MariaDB and the schemas of the services. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { databaseUrl, KEYSTONE_URL, PASSWORD, REGION } from './config/identity.ts';
import { enter } from './namespaces.ts';
import type { LabPaths } from './plan.ts';
import { must } from './processes.ts';

const DATABASES = ['keystone', 'placement', 'glance', 'neutron', 'nova_api', 'nova', 'nova_cell0'];
const SYNC_TIMEOUT_MS = 240_000;

/** Makes the files of an empty server. */
export async function installDatabase(paths: LabPaths): Promise<void> {
  const install = ['mariadb-install-db', '--no-defaults', '--user=root', `--datadir=${paths.database}`];
  await inControl(paths, [...install, '--auth-root-authentication-method=normal', '--skip-test-db']);
}

/** Runs SQL as root; rows as lines, columns separated by tabs. */
export function sql(paths: LabPaths, statement: string): Promise<string> {
  return must(['mariadb', '--no-defaults', '-uroot', '-S', paths.databaseSocket, '-N', '-e', statement]);
}

export async function createDatabases(paths: LabPaths): Promise<void> {
  await sql(paths, DATABASES.map((name) => `drop database if exists ${name}; create database ${name};`).join(' '));
}

export async function syncKeystone(paths: LabPaths): Promise<void> {
  for (const keys of ['fernet', 'credential']) {
    mkdirSync(join(paths.state, 'keystone', keys), { recursive: true, mode: 0o700 });
  }
  const manage = ['keystone-manage', '--config-file', join(paths.etc, 'keystone.conf')];
  const asRoot = ['--keystone-user', 'root', '--keystone-group', 'root'];
  await Promise.all([
    inControl(paths, [...manage, 'db_sync']),
    inControl(paths, [...manage, 'fernet_setup', ...asRoot]),
    inControl(paths, [...manage, 'credential_setup', ...asRoot]),
  ]);
  const admin = ['--bootstrap-username', 'admin', '--bootstrap-password', PASSWORD];
  const place = ['--bootstrap-project-name', 'admin', '--bootstrap-role-name', 'admin'];
  const region = ['--bootstrap-service-name', 'keystone', '--bootstrap-region-id', REGION];
  const urls = ['public', 'internal', 'admin'].flatMap((face) => [`--bootstrap-${face}-url`, KEYSTONE_URL]);
  await inControl(paths, [...manage, 'bootstrap', ...admin, ...place, ...region, ...urls]);
}

export function syncPlacement(paths: LabPaths): Promise<string> {
  const manage = ['placement-manage', '--config-file', join(paths.etc, 'placement.conf'), 'db', 'sync'];
  return inControl(paths, manage, { OS_PLACEMENT_CONFIG_DIR: paths.etc });
}

export function syncGlance(paths: LabPaths): Promise<string> {
  return inControl(paths, ['glance-manage', '--config-file', join(paths.etc, 'glance-api.conf'), 'db_sync']);
}

export function syncNeutron(paths: LabPaths): Promise<string> {
  return inControl(paths, ['neutron-db-manage', '--config-file', join(paths.etc, 'neutron.conf'), 'upgrade', 'head']);
}

function novaManage(paths: LabPaths, config: string, ...args: string[]): Promise<string> {
  return inControl(paths, ['nova-manage', '--config-file', join(paths.etc, config), ...args]);
}

/** The longest way of a cold start: every `nova-manage` takes seconds to load, so the databases are made side by side. */
export async function syncNova(paths: LabPaths): Promise<void> {
  const cells = async () => {
    await novaManage(paths, 'nova.conf', 'api_db', 'sync');
    await novaManage(
      paths,
      'nova.conf',
      'cell_v2',
      'map_cell0',
      '--database_connection',
      databaseUrl(paths, 'nova_cell0'),
    );
    await novaManage(paths, 'nova.conf', 'cell_v2', 'create_cell', '--name', 'cell1');
  };
  await Promise.all([
    cells(),
    novaManage(paths, 'nova.conf', 'db', 'sync', '--local_cell'),
    novaManage(paths, 'nova-cell0.conf', 'db', 'sync', '--local_cell'),
  ]);
}

export async function countComputeNodes(paths: LabPaths): Promise<number> {
  return Number(await sql(paths, 'select count(*) from nova.compute_nodes where deleted = 0'));
}

/** Maps new hosts to the cell now: the scheduler's own periodic discovery takes up to 40 s. */
export async function discoverHosts(paths: LabPaths, hosts: number): Promise<void> {
  const mapped = Number(await sql(paths, 'select count(*) from nova_api.host_mappings'));
  if (mapped < hosts) await novaManage(paths, 'nova.conf', 'cell_v2', 'discover_hosts');
}

/** In the lab's namespace, where `down` finds it if this program is killed meanwhile. */
function inControl(paths: LabPaths, argv: string[], env: Record<string, string> = {}): Promise<string> {
  return must(enter(paths.name, paths, 'control', argv), { env, timeoutMs: SYNC_TIMEOUT_MS });
}
