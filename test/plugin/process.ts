import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import axios from 'axios';
import { stringify } from 'yaml';
import { z } from 'zod';
import { Health } from '../../hostd/contract.ts';
import { MigrationRecord } from '../../plugin/contract.ts';
import type { CloudAddresses } from '../cloud/cloud.ts';
import { freePort } from '../free-port.ts';
import { shippedPolicy } from '../lab/drover.ts';
import { changedPolicy, type PolicyChange } from '../lab/policy.ts';
import { putPolicy } from '../policy-file.ts';
import { ServiceProcess } from '../service-process.ts';

const MAIN = resolve(import.meta.dirname, '../../plugin/main.ts');
/** Of a busy machine. */
const START_WITHIN_MS = 300_000;

export interface SharedDatabase {
  /** Of the replica. */
  name: string;
  /** A `mysql://` URL. */
  database: string;
  password: string;
  /** Files: of the CA of the database and of the replicas, and the certificate that this one shows. */
  tls?: { ca: string; own: { cert: string; key: string } };
}

/** The real plugin as a process, before a cloud double, with a real database. */
export class PluginProcess extends ServiceProcess {
  readonly folder: string;
  /** May be set before `prepare`. */
  database: string;
  port = 0;
  readonly #cloud: CloudAddresses;
  readonly #socket: string;

  constructor(folder: string, cloud: CloudAddresses) {
    const [config, readyWords, startWithinMs] = [
      join(folder, 'plugin.yaml'),
      'drover stands before Nova',
      START_WITHIN_MS,
    ];
    super({ name: 'the plugin', main: MAIN, config, folder, readyWords, startWithinMs });
    this.folder = folder;
    this.database = join(folder, 'drover.db');
    this.#socket = join(folder, 'control.sock');
    this.#cloud = cloud;
    mkdirSync(folder, { recursive: true });
  }

  /**
   * Writes its configuration, with the seed policy but for its batch window and who chooses destinations. With `shared` it
   * is a replica of that name on this database.
   */
  async prepare(
    batchWindow = '60 ms',
    shared?: SharedDatabase,
    destination: PolicyChange['destination'] = 'keep',
  ): Promise<void> {
    this.port = await freePort();
    const { tlsDir, hosts, keystoneUrl, novaUrl } = this.#cloud;
    const tls = (name: string) => join(tlsDir, name);
    writeFileSync(join(this.folder, 'password'), 'secret');
    const policy = changedPolicy(shippedPolicy('seed.yaml'), { batchWindow, destination });
    putPolicy(join(this.folder, 'policy.yaml'), policy);
    writeFileSync(
      join(this.folder, 'plugin.yaml'),
      stringify({
        listen: { address: '127.0.0.1', port: this.port, ...(shared?.tls ? { tls: shared.tls.own } : {}) },
        nova: { url: novaUrl },
        keystone: { authUrl: keystoneUrl, username: 'drover', passwordFile: 'password', projectName: 'service' },
        policy: 'policy.yaml',
        ...(shared ? this.#replica(shared) : { database: this.database }),
        controlSocket: this.#socket,
        hostd: { ca: tls('ca.crt'), cert: tls('plugin.crt'), key: tls('plugin.key'), hosts },
      }),
    );
  }

  #replica({ name, database, password, tls }: SharedDatabase): object {
    writeFileSync(join(this.folder, 'database-password'), password);
    const advertise = `${tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
    const replica = { name, advertise, ...(tls ? { ca: tls.ca } : {}) };
    return { database, databasePasswordFile: 'database-password', ...(tls ? { databaseCa: tls.ca } : {}), replica };
  }

  unfinished(): Promise<MigrationRecord[]> {
    return this.#control('/v1/migrations', z.array(MigrationRecord));
  }

  /** The newest, newest first. */
  newest(): Promise<MigrationRecord[]> {
    return this.#control('/v1/migrations?all=1', z.array(MigrationRecord));
  }

  health(): Promise<Health> {
    return this.#control('/healthz', Health);
  }

  async #control<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const options = { socketPath: this.#socket, proxy: false as const, timeout: 5000 };
    return schema.parse((await axios.get(`http://control${path}`, options)).data);
  }
}
