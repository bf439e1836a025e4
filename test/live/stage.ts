/** What the live tests share: one lab of three hosts, of which the last does not permit post-copy, and Drover in it. */
import type { MigrationRecord } from '../../plugin/contract.ts';
import { DROVER_ENDPOINT, Drover, shippedPolicy } from '../lab/drover.ts';
import { type BootOptions, boot, deleteGuest, type Guest } from '../lab/guests.ts';
import { ensureLab, type Lab } from '../lab/lab.ts';
import { changedPolicy, type PolicyChange } from '../lab/policy.ts';
import type { RestAnswer } from '../lab/rest.ts';

export const LIVE_LAB = 'drover-live';
export const WITHOUT_POST_COPY = 'compute-3';
const CLOUD_FAULTS_TO_BEAR = 2;
export const ENDED_WITHIN_MS = 120_000;
export const ENDED: ['completed', 'failed', 'aborted'] = ['completed', 'failed', 'aborted'];

export function liveLab(): Promise<Lab> {
  return ensureLab(LIVE_LAB, { hosts: 3, withoutPostCopy: [WITHOUT_POST_COPY] });
}

export function policyText(change: PolicyChange): string {
  return changedPolicy(shippedPolicy('seed.yaml'), change);
}

/** Lab, Drover and guests of one test file. */
export class Stage {
  readonly lab: Lab;
  readonly drover: Drover;
  readonly #guests: Guest[] = [];

  private constructor(lab: Lab, drover: Drover) {
    this.lab = lab;
    this.drover = drover;
  }

  static async start(change: PolicyChange): Promise<Stage> {
    const lab = await liveLab();
    const drover = new Drover(lab, policyText(change));
    const stage = new Stage(lab, drover);
    await drover.start();
    return stage;
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#guests.map((guest) => deleteGuest(this.lab, guest)));
    await this.drover.stop();
    this.lab.close();
  }

  async boot(options: BootOptions): Promise<Guest> {
    const guest = await boot(this.lab, options);
    this.#guests.push(guest);
    return guest;
  }

  /** One call of the compute API through Drover. */
  through(method: string, path: string, body?: unknown): Promise<RestAnswer> {
    return this.lab.rest.call(method, `${DROVER_ENDPOINT}${path}`, body === undefined ? {} : { body });
  }

  /**
   * Migrates and waits for the end. A migration that Nova gave up is asked for again, at most twice, and printed:
   * Neutron answers 500 to a port's activation about once in 45.
   */
  async moved(guest: Guest, host: string): Promise<MigrationRecord> {
    for (let faults = 0; ; faults++) {
      const answer = await this.migrate(guest, host);
      if (answer.status !== 202) throw new Error(`the migration of ${guest.name}: ${answer.status} ${answer.body}`);
      const migration = await this.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS);
      if (migration.state !== 'failed' || faults === CLOUD_FAULTS_TO_BEAR) return migration;
      console.warn(`cloud fault ${faults + 1}:`, migration.stateReason);
    }
  }

  migrate(guest: Guest, host: string | null): Promise<RestAnswer> {
    return this.through('POST', `/servers/${guest.id}/action`, { 'os-migrateLive': { host, block_migration: 'auto' } });
  }
}
