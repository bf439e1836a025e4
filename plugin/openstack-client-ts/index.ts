/** A small typed client for the Keystone v3, Nova and Placement calls that Drover makes. */
export { type LiveMigrateBody, type MigrationFilter, type NovaAnswer, OpenStackClient } from './client.ts';
export type { CallOptions, OpenStackConfig } from './config.ts';
export { OpenStackError, type OpenStackErrorCode } from './errors.ts';
export type { TokenInfo } from './identity.ts';
export { PlacementClient, type ProviderSummary, type ResourceProvider, type Resources } from './placement.ts';
export type { ComputeService, Hypervisor, InstanceAction, Migration, Server, ServerMigration } from './schema.ts';
