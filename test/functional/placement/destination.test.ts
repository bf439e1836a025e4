import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readHistory } from '../../../plugin/controller/store/history.ts';
import { locateDatabase } from '../../../plugin/controller/store/locate.ts';
import type { Moment } from '../../cloud/ledger.ts';
import { PluginStage } from '../../plugin/stage.ts';

const WITHIN = { timeout: 30_000 };

let stage: PluginStage;
let cloud: PluginStage['cloud'];
let plugin: PluginStage['plugin'];
/** On compute-1. */
let machine: string;
/** What Nova was asked for, without the questions for a host that does not exist. */
let bodies: { host: string | null; force?: boolean; by: string }[] = [];

/** Three hosts: the workload of compute-2 takes half of what comes in, that of the others a fifth. */
beforeEach(async () => {
  stage = await PluginStage.build({ machines: 3, runMs: [300, 300] });
  ({ cloud, plugin } = stage);
  machine = stage.machines[0] ?? '';
  bodies = [];
  cloud.onRequest.add((request, content) => {
    const migrate = content.includes('os-migrateLive') ? JSON.parse(content.toString())['os-migrateLive'] : null;
    if (migrate === null || migrate.host?.startsWith('nowhere-')) return;
    bodies.push({ ...migrate, by: String(request.headers['x-auth-token']).split('-')[0] ?? '' });
  });
  // So long that room and samples are known when it is decided, on a busy machine, too.
  await plugin.prepare('1500 ms', undefined, 'least-contended');
  await start();
});
afterEach(() => stage.stop());

async function start(): Promise<void> {
  await stage.start();
  // No host is silent any more.
  await expect.poll(async () => (await plugin.health()).status, WITHIN).toBe('ok');
}

function send(host: string | null = null) {
  return stage.send(machine, host);
}

async function ended() {
  const one = async () => (await plugin.newest())[0];
  await expect.poll(async () => (await one())?.state, WITHIN).toMatch(/completed|failed|aborted/);
  return one();
}

const asked = () => bodies.map(({ host, by }) => `${host} by ${by}`);

describe('A migration without a destination, least-contended', () => {
  it('is accepted and goes to the host that was chosen, which Nova is to verify', async () => {
    const { status } = await send();
    expect(status).toBe(202);
    expect(await ended()).toMatchObject({
      state: 'completed',
      destination: 'compute-3',
      deferred: true,
      decision: {
        destination: { host: 'compute-3', rejected: [{ host: 'compute-2', reason: { code: 'more-contended' } }] },
      },
    });
    expect(bodies).toEqual([{ host: 'compute-3', block_migration: 'auto', by: 'service' }]);
    // So that another policy's choice can be told later.
    const [recorded] = await readHistory(locateDatabase({ database: plugin.database }));
    expect(Object.keys(recorded?.facts?.choosing?.hosts ?? {})).toEqual(['compute-2', 'compute-3']);
    expect(Object.keys(recorded?.facts?.hosts ?? {})).toEqual(['compute-1', 'compute-2', 'compute-3']);
    expect(cloud.machines.machines.get(machine)?.host).toBe('compute-3');
  });

  it('is asked for once more without, where the scheduler does not take that host', async () => {
    cloud.machines.accepts = (host) => host !== 'compute-3';
    await send();
    const record = await ended();
    expect(record).toMatchObject({ state: 'completed', destination: 'compute-2' });
    expect(record?.decision?.destination ?? null).toBeNull();
    expect(asked()).toEqual(['compute-3 by service', 'null by service']);
    expect(cloud.ledger.taken.map(({ end }) => end)).toEqual(['error', 'completed']);
  });

  it.each([400, 403] as const)(
    'is asked for once more without, where nova-api answers %i to that host',
    async (status) => {
      cloud.machines.refuses = (host) => (host === 'compute-3' ? status : null);
      await send();
      expect(await ended()).toMatchObject({ state: 'completed' });
      expect(asked()).toEqual(['compute-3 by service', 'null by service']);
    },
  );

  it('ends after the second question, whatever Nova says to it', async () => {
    cloud.machines.accepts = () => false;
    await send();
    expect(await ended()).toMatchObject({ state: 'failed', stateReason: { code: 'no-valid-host' } });
    expect(asked()).toEqual(['compute-3 by service', 'null by service']);
  });

  it('keeps the host that its caller named, and Nova answers its caller', async () => {
    const { status, arrived, sent } = await send('compute-2');
    expect([status, arrived]).toEqual([202, [sent]]);
    expect(await ended()).toMatchObject({ state: 'completed', destination: 'compute-2', deferred: false });
    expect(asked()).toEqual(['compute-2 by caller']);
  });

  it.each<Moment>(['migrate-taken', 'recorded', 'ended'])(
    'is moved once though the plugin is killed at %s while its host is refused',
    async (moment) => {
      cloud.machines.accepts = (host) => host !== 'compute-3';
      cloud.onMoment = (seen) => {
        if (seen !== moment || cloud.ledger.taken.length === 0) return;
        cloud.onMoment = () => {};
        plugin.kill();
      };
      await send().catch(() => {});
      await plugin.ended();
      await start();
      expect(await ended()).toMatchObject({ state: 'completed', destination: 'compute-2' });
      expect(cloud.ledger.taken.map(({ end }) => end)).toEqual(['error', 'completed']);
      expect(cloud.ledger.overlaps).toEqual([]);
    },
  );
});
