import { setTimeout as sleep } from 'node:timers/promises';
import type { MariadbAddress } from '../../plugin/controller/store/address.ts';
import { Store } from '../../plugin/controller/store/store.ts';
import { CloudProcess } from '../cloud/process.ts';
import { MariadbServer, PASSWORD } from '../mariadb/server.ts';
import { PluginProcess } from '../plugin/process.ts';
import type { LogLine } from '../service-process.ts';
import { Cable } from './relay.ts';

/** A replica with the cable between it and the database. */
export interface StagedReplica {
  name: string;
  plugin: PluginProcess;
  cable: Cable;
}

/** A line of a replica's log that says when it leads and when no more, or that it was stopped; Unix time, ms. */
export interface Turn {
  replica: string;
  what: 'leads' | 'has taken over' | 'leads no more' | 'was stopped';
  atMs: number;
  fence: number | null;
}

const HOSTS = ['compute-1', 'compute-2', 'compute-3'];
const MACHINES = 30;
const FAULTS = 0.005;
const TURNS = ['leads', 'has taken over', 'leads no more'] as const;

/** Two real plugins on a real MariaDB, each with its own cable to it, before one double of Keystone, Nova and hostds. */
export class Stage {
  readonly replicas: readonly [StagedReplica, StagedReplica];
  readonly cloud: CloudProcess;
  readonly database: MariadbAddress;
  readonly turns: Turn[] = [];
  readonly #mariadb: MariadbServer;
  readonly #store: Store;

  private constructor(
    mariadb: MariadbServer,
    database: MariadbAddress,
    cloud: CloudProcess,
    replicas: readonly [StagedReplica, StagedReplica],
  ) {
    this.#mariadb = mariadb;
    this.database = database;
    this.cloud = cloud;
    this.replicas = replicas;
    this.#store = new Store(database);
    for (const { name, plugin } of replicas) plugin.listeners.add((line) => this.#note(name, line));
  }

  static async start(folder: string, seed: number, batchWindow?: string): Promise<Stage> {
    const mariadb = await MariadbServer.start();
    const database = await mariadb.createDatabase();
    const cloud = await CloudProcess.start({ seed, hosts: HOSTS, machines: MACHINES, faults: FAULTS, folder });
    const make = async (name: string): Promise<StagedReplica> => {
      const cable = new Cable(mariadb.port);
      const port = await cable.start();
      const plugin = new PluginProcess(`${folder}/${name}`, cloud.addresses);
      const url = `mysql://${database.user}@127.0.0.1:${port}/${database.database}`;
      await plugin.prepare(batchWindow, { name, database: url, password: PASSWORD });
      return { name, plugin, cable };
    };
    const stage = new Stage(mariadb, database, cloud, [await make('a'), await make('b')]);
    for (const { plugin } of stage.replicas) plugin.spawn();
    await Promise.all(stage.replicas.map(({ plugin }) => plugin.ready()));
    await stage.#store.start();
    await stage.leader();
    return stage;
  }

  /** Who leads, waited for. */
  async leader(): Promise<StagedReplica> {
    for (;;) {
      const { holds, replica } = await this.#store.leadership();
      const found = this.replicas.find(({ name }) => name === replica);
      if (holds && found?.plugin.running) return found;
      await sleep(50);
    }
  }

  other(replica: StagedReplica): StagedReplica {
    return replica === this.replicas[0] ? this.replicas[1] : this.replicas[0];
  }

  /** Resolves when that replica has taken over after `sinceMs` (Unix), with how long after. */
  async takenOver(replica: StagedReplica, sinceMs: number, withinMs: number): Promise<number> {
    while (Date.now() < sinceMs + withinMs) {
      const turn = this.turns.find(
        ({ replica: name, what, atMs }) => name === replica.name && what === 'has taken over' && atMs >= sinceMs,
      );
      if (turn) return turn.atMs - sinceMs;
      await sleep(10);
    }
    throw new Error(`${replica.name} has not taken over within ${withinMs} ms`);
  }

  async unfinished(): Promise<number> {
    return (await this.#store.unfinished()).length;
  }

  async stop(): Promise<void> {
    for (const { plugin, cable } of this.replicas) {
      plugin.kill();
      await plugin.ended();
      cable.stop();
    }
    await this.#store.stop();
    await this.cloud.stop();
    await this.#mariadb.stop();
  }

  #note(replica: string, line: LogLine): void {
    const what = TURNS.find((each) => each === line.msg);
    const fence = typeof line.fence === 'number' ? line.fence : null;
    if (what) this.turns.push({ replica, what, atMs: Number(line.time), fence });
  }
}
