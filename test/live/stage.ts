/** What the live tests share: one lab of three hosts, of which the last does not permit post-copy, and Drover in it. */
import type { MigrationRecord } from '../../plugin/contract.ts';
import { DROVER_ENDPOINT, Drover, shippedPolicy } from '../lab/drover.ts';
import { type BootOptions, boot, deleteGuest, type Guest } from '../lab/guests.ts';
import { ensureLab, type Lab, openLab } from '../lab/lab.ts';
import { countCloudFaults } from '../lab/migrate.ts';
import { changedPolicy, type PolicyChange } from '../lab/policy.ts';
import type { RestAnswer } from '../lab/rest.ts';

/** Of another name where several developers' live tests run on one machine. */
export const LIVE_LAB = process.env.LIVE_LAB ?? 'drover-live';
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

  /** Migrates and waits for the end. */
  async moved(guest: Guest, host: string): Promise<MigrationRecord> {
    const answer = await this.migrate(guest, host);
    if (answer.status !== 202) throw new Error(`the migration of ${guest.name}: ${answer.status} ${answer.body}`);
    return this.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS);
  }

  migrate(guest: Guest, host: string | null): Promise<RestAnswer> {
    return this.through('POST', `/servers/${guest.id}/action`, { 'os-migrateLive': { host, block_migration: 'auto' } });
  }
}

/**
 * The test, made again (at most twice) if it failed while Neutron refused to activate a port, which it does about once
 * in 45 migrations, and prints that it did. Such a guest is lost to Nova: `renew` boots another.
 */
export function bearing(test: () => Promise<void>, renew: () => Promise<void> = async () => {}): () => Promise<void> {
  return async () => {
    const lab = await openLab(LIVE_LAB);
    try {
      for (let attempt = 1; ; attempt++) {
        const faults = countCloudFaults(lab);
        try {
          return await test();
        } catch (error) {
          if (attempt > CLOUD_FAULTS_TO_BEAR || countCloudFaults(lab) === faults) throw error;
          console.warn(`cloud fault in attempt ${attempt}, tried again:`, error);
          await renew();
        }
      }
    } finally {
      lab.close();
    }
  };
}
