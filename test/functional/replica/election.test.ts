import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MariadbAddress } from '../../../plugin/controller/store/address.ts';
import { Store } from '../../../plugin/controller/store/store.ts';
import { Election } from '../../../plugin/replica/election.ts';
import { MariadbServer } from '../../mariadb/server.ts';
import { Cable } from '../../replicas/relay.ts';

let mariadb: MariadbServer;
beforeAll(async () => {
  mariadb = await MariadbServer.start();
});
afterAll(() => mariadb?.stop());

/** A replica without a controller: it only stands for election. */
class Candidate {
  readonly name: string;
  readonly cable: Cable;
  readonly store: Store;
  readonly election: Election;
  /** What it was told, in order, with the time. */
  readonly told: { what: 'elected' | 'deposed'; atMs: number }[] = [];

  private constructor(name: string, cable: Cable, store: Store) {
    this.name = name;
    this.cable = cable;
    this.store = store;
    const tell = (what: 'elected' | 'deposed') => async () => {
      this.told.push({ what, atMs: performance.now() });
    };
    this.election = new Election({
      store,
      replica: { name, advertise: `http://${name}` },
      elected: tell('elected'),
      deposed: tell('deposed'),
      follows: async () => {},
      log: pino({ level: 'silent' }),
    });
  }

  static async start(name: string, address: MariadbAddress): Promise<Candidate> {
    const cable = new Cable(mariadb.port);
    const store = new Store({ ...address, at: { host: '127.0.0.1', port: await cable.start() } });
    await store.start();
    const candidate = new Candidate(name, cable, store);
    candidate.election.start();
    return candidate;
  }

  async stop(): Promise<void> {
    await this.election.stop();
    await this.store.stop();
    this.cable.stop();
  }
}

describe('Election', () => {
  let a: Candidate;
  let b: Candidate;
  /** Whether both ever held the lead at the same moment. */
  let both = false;
  let watching: NodeJS.Timeout;
  beforeEach(async () => {
    const address = await mariadb.createDatabase();
    both = false;
    a = await Candidate.start('a', address);
    await expect.poll(() => a.election.leads()).toBe(true);
    b = await Candidate.start('b', address);
    watching = setInterval(() => {
      both ||= a.election.leads() && b.election.leads();
    }, 2);
  });
  afterEach(async () => {
    clearInterval(watching);
    await Promise.all([a.stop(), b.stop()]);
    expect(both).toBe(false);
  });

  it('keeps one leader, which the other one knows and can reach', async () => {
    await expect.poll(() => b.election.leader).toMatchObject({ name: 'a', address: 'http://a' });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect([a.election.leads(), b.election.leads()]).toEqual([true, false]);
    expect(a.election.leader).toMatchObject({ name: 'a', address: null });
    expect(b.election.leaderlessMs).toBe(0);
  });

  it('has the other one lead at once when the leader stops', async () => {
    await a.election.stop();
    // It has given the lead up: nobody waits for its lease to lapse.
    const { replica, holds } = await b.store.leadership();
    expect(replica === 'a' && holds).toBe(false);
    await expect.poll(() => b.election.leads(), { interval: 10 }).toBe(true);
    expect(a.told.map(({ what }) => what)).toEqual(['elected', 'deposed']);
  });

  it('deposes a leader that is cut off from the database before the other one leads, and lets it follow when mended', async () => {
    a.cable.cut();
    await expect.poll(() => b.election.leads(), { interval: 10 }).toBe(true);
    const [deposed, elected] = [a.told.at(-1), b.told.at(-1)];
    expect([deposed?.what, elected?.what]).toEqual(['deposed', 'elected']);
    expect(deposed?.atMs).toBeLessThan(elected?.atMs ?? 0);
    expect(a.election.databaseReachable).toBe(false);
    a.cable.mend();
    await expect.poll(() => a.election.leader).toMatchObject({ name: 'b', address: 'http://b' });
  });
});
