import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostTraffic } from '../lab/traffic.ts';
import { bearing, ENDED, ENDED_WITHIN_MS, Stage } from './stage.ts';

const LOWER_BITS = 100e6;
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.start({
    priorities: [{ name: 'reserved', priority: 'high' }],
    limits: { lower: '100 Mbit', upper: '300 Mbit' },
    technique: 'pre-copy',
  });
});
afterAll(() => stage?.stop());

interface HtbClass {
  device: string;
  rateBits: number;
  ceilBits: number;
}

/** All that shapes the NIC, as tc prints it, and every IFB. */
async function qdiscs(host: string): Promise<string> {
  const commands = [
    ['tc', 'qdisc', 'show', 'dev', 'nic0'],
    ['tc', 'class', 'show', 'dev', 'nic0'],
    ['tc', 'filter', 'show', 'dev', 'nic0'],
    ['ip', '-o', 'link', 'show', 'type', 'ifb'],
  ];
  return (await Promise.all(commands.map((argv) => stage.lab.mustOn(host, argv)))).join('\n');
}

async function classes(host: string): Promise<HtbClass[]> {
  const found: HtbClass[] = [];
  for (const device of ['nic0', ...(await ifbs(host))]) {
    const text = await stage.lab.mustOn(host, ['tc', '-s', 'class', 'show', 'dev', device]);
    for (const [, rate = '', ceil = ''] of text.matchAll(/^class htb .* rate (\S+) ceil (\S+) /gm)) {
      found.push({ device, rateBits: bits(rate), ceilBits: bits(ceil) });
    }
  }
  return found;
}

async function ifbs(host: string): Promise<string[]> {
  const text = await stage.lab.mustOn(host, ['ip', '-o', 'link', 'show', 'type', 'ifb']);
  return [...text.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name = '']) => name);
}

function bits(text: string): number {
  const [, number = '', unit = ''] = /^([\d.]+)(\w)?bit$/.exec(text) ?? [];
  return Number(number) * ({ K: 1e3, M: 1e6, G: 1e9 }[unit] ?? 1);
}

describe('bandwidth reservation of a high-priority migration under a saturating workload', () => {
  it(
    "has Algorithm 2's two classes on both hosts while it runs, and leaves the qdiscs as it found them",
    bearing(async () => {
      const guest = await stage.boot({ name: 'reserved', host: 'compute-1', flavor: 'm512', fillMebibytes: 300 });
      const before = [await qdiscs('compute-1'), await qdiscs('compute-2')];
      const load = [
        await hostTraffic(stage.lab, 'compute-1', { direction: 'out' }),
        await hostTraffic(stage.lab, 'compute-2', { direction: 'in' }),
      ];
      await new Promise((resolve) => setTimeout(resolve, 7000));
      expect((await stage.migrate(guest, 'compute-2')).status).toBe(202);
      await stage.drover.migrationOf(guest.id, ['running', ...ENDED], ENDED_WITHIN_MS);
      const [source, destination] = [await classes('compute-1'), await classes('compute-2')];
      const migration = await stage.drover.migrationOf(guest.id, ENDED, ENDED_WITHIN_MS);
      await Promise.all(load.map((one) => one.stop()));

      expect(migration.state).toBe('completed');
      expect(migration.decision?.classification?.contention).toBe('high');
      const reservation = migration.decision?.reservation;
      for (const [seen, link] of [
        [source, reservation?.sourceTx],
        [destination, reservation?.destinationRx],
      ] as const) {
        const { migration: pages, workload } = link ?? {};
        // High: the workload keeps `lower`, the migration is guaranteed everything else and may borrow the rest.
        expect(workload?.rateBitsPerSecond).toBe(LOWER_BITS);
        for (const wanted of [pages, workload]) {
          expect(
            seen.some(
              (one) =>
                near(one.rateBits, wanted?.rateBitsPerSecond ?? 0) &&
                near(one.ceilBits, wanted?.ceilBitsPerSecond ?? 0),
            ),
            `${JSON.stringify(wanted)} among ${JSON.stringify(seen)}`,
          ).toBe(true);
        }
      }
      expect([await qdiscs('compute-1'), await qdiscs('compute-2')]).toEqual(before);
      const { workload, totalMigrationTimeMs } = migration.outcome ?? {};
      console.log(
        `high, saturated link: TMT ${totalMigrationTimeMs} ms; workload before/during (Mbit/s): source ${megabits(workload?.before?.sourceTxBitsPerSecond)}/${megabits(workload?.during?.sourceTxBitsPerSecond)}, destination ${megabits(workload?.before?.destinationRxBitsPerSecond)}/${megabits(workload?.during?.destinationRxBitsPerSecond)}`,
      );
    }),
  );
});

/** tc prints rounded figures. */
function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= 0.01 * b;
}

function megabits(bitsPerSecond: number | undefined): number {
  return Math.round((bitsPerSecond ?? Number.NaN) / 1e6);
}
