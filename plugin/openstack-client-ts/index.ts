/** A small typed client for the Keystone v3 and Nova calls that Drover makes. */
export { type LiveMigrateBody, type MigrationFilter, type NovaAnswer, OpenStackClient } from './client.ts';
export type { CallOptions, OpenStackConfig } from './config.ts';
export { OpenStackError, type OpenStackErrorCode } from './errors.ts';
export type { TokenInfo } from './identity.ts';
export type { ComputeService, Hypervisor, InstanceAction, Migration, Server, ServerMigration } from './schema.ts';
