/** Who the services are, and how they reach Keystone and the databases. */
import { CONTROL_ADDRESS, type LabPaths, PORTS } from '../plan.ts';
import type { Ini } from './ini.ts';

/** A password of a lab that no network but its own namespaces can reach. */
export const PASSWORD = 'drover-lab';
export const REGION = 'RegionOne';
export const SERVICE_USER = 'service';
export const KEYSTONE_URL = `http://${CONTROL_ADDRESS}:${PORTS.keystone}/v3`;
export const RABBIT = { user: 'guest', password: 'guest', address: `${CONTROL_ADDRESS}:${PORTS.rabbit}` };
export const TRANSPORT_URL = `rabbit://${RABBIT.user}:${RABBIT.password}@${RABBIT.address}/`;
const MEMCACHED = `${CONTROL_ADDRESS}:${PORTS.memcached}`;

export function databaseUrl(paths: LabPaths, database: string): string {
  return `mysql+pymysql://root@localhost/${database}?unix_socket=${paths.databaseSocket}&charset=utf8`;
}

/** Options with which a service logs in at Keystone. */
export const SERVICE_AUTH = {
  auth_url: KEYSTONE_URL,
  auth_type: 'password',
  username: SERVICE_USER,
  password: PASSWORD,
  project_name: SERVICE_USER,
  user_domain_id: 'default',
  project_domain_id: 'default',
  region_name: REGION,
};

/** How a service checks the tokens of its callers. */
export const TOKEN_CHECK: Ini = {
  keystone_authtoken: {
    www_authenticate_uri: KEYSTONE_URL,
    memcached_servers: MEMCACHED,
    service_token_roles_required: false,
    ...SERVICE_AUTH,
  },
};

/** With a cache per process a changed catalogue would be served stale by some of Keystone's processes. */
export const CACHE: Ini = {
  cache: { enabled: true, backend: 'dogpile.cache.memcached', memcache_servers: MEMCACHED },
};

/** The environment of the stock clients. */
export const CLIENT_ENVIRONMENT: Record<string, string> = {
  OS_AUTH_URL: KEYSTONE_URL,
  OS_USERNAME: 'admin',
  OS_PASSWORD: PASSWORD,
  OS_PROJECT_NAME: 'admin',
  OS_USER_DOMAIN_ID: 'default',
  OS_PROJECT_DOMAIN_ID: 'default',
  OS_REGION_NAME: REGION,
  OS_IDENTITY_API_VERSION: '3',
  OS_COMPUTE_API_VERSION: '2.92',
};
