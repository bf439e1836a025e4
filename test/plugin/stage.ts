import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cloud, type CloudOptions } from '../cloud/cloud.ts';
import { PluginProcess } from './process.ts';
import { type Exchange, sendMigration } from './sender.ts';

const HOSTS = ['compute-1', 'compute-2', 'compute-3'];

export type StageOptions = Partial<Omit<CloudOptions, 'folder'>>;

/** The real plugin, not started yet, before a cloud double in this process, in a folder of their own. */
export class PluginStage {
  readonly folder: string;
  readonly cloud: Cloud;
  readonly plugin: PluginProcess;
  /** The uuids of the servers: the first of each host, in the order of the hosts, then the second of each. */
  readonly machines: readonly string[];

  private constructor(folder: string, cloud: Cloud, plugin: PluginProcess, machines: readonly string[]) {
    this.folder = folder;
    this.cloud = cloud;
    this.plugin = plugin;
    this.machines = machines;
  }

  /** Three hosts with four servers each, without faults, unless told otherwise. */
  static async build(options: StageOptions = {}): Promise<PluginStage> {
    const folder = mkdtempSync(join(tmpdir(), 'drover-stage-'));
    const cloud = new Cloud({ seed: 1, hosts: HOSTS, machines: 12, faults: 0, ...options, folder });
    const addresses = await cloud.start();
    return new PluginStage(folder, cloud, new PluginProcess(join(folder, 'plugin'), addresses), addresses.machines);
  }

  /** `before`: a program and its arguments that start the plugin. */
  async start(before: readonly string[] = []): Promise<void> {
    this.plugin.spawn(before);
    if (!(await this.plugin.ready())) throw new Error('the plugin ended before it was ready');
  }

  /** Asks the plugin for the live migration of that server. */
  send(vmUuid = '', host: string | null = null): Promise<Exchange> {
    return sendMigration(this.plugin.port, this.cloud, vmUuid, host);
  }

  async stop(): Promise<void> {
    this.plugin.kill();
    await this.plugin.ended();
    await this.cloud.stop();
    rmSync(this.folder, { recursive: true });
  }
}
