/** How long the controller needs for one round over a long queue: deciding, looking ahead, and the search for an order. */

import { checkPlan } from '../../../plugin/controller/plan/check.ts';
import { decide } from '../../../plugin/controller/plan/decide.ts';
import { planAhead, type World } from '../../../plugin/controller/plan/plan.ts';
import { host, NOW, queued, seedPolicy, vm } from '../../unit/controller/plan/worlds.ts';
import { meanCpuMs } from './cpu.ts';

const SIZES = [10, 20, 50, 100, 200, 500];
/** Of a round for each 200 that wait or run: the loop makes one a second. */
const MOST_MS_FOR_200 = 100;
const PRIORITIES = ['high', 'medium', 'low'] as const;

interface Shape {
  name: string;
  hosts: number;
  /** Nova's limit of a source. */
  limit: number;
  /** So many run already. */
  running?: number;
}

const SHAPES: readonly Shape[] = [
  { name: '2 hosts, one at a time', hosts: 2, limit: 1 },
  { name: '20 hosts, one at a time', hosts: 20, limit: 1 },
  { name: '20 hosts, four at a time', hosts: 20, limit: 4 },
  { name: '72 hosts, one at a time', hosts: 72, limit: 1 },
  { name: '20 hosts, ten at a time, 200 running', hosts: 20, limit: 10, running: 200 },
];

/** Prints the table; returns the goals that were missed. */
export function benchController(): string[] {
  console.log(`\nOne round of the controller, ms of CPU (in brackets without looking ahead, and the check of it)\n`);
  console.log(`| cloud | ${SIZES.map((size) => `${size} queued`).join(' | ')} | grows as the number to the power of |`);
  console.log(`| --- | ${SIZES.map(() => '---:').join(' | ')} | ---: |`);
  return SHAPES.flatMap((shape) => {
    const rows = SIZES.map((size) => {
      const world = crowdedWorld(shape, size);
      const blind = () => {
        throw new Error('not measured');
      };
      const { actions } = planAhead(world);
      return {
        size,
        ms: meanCpuMs(() => planAhead(world)),
        blindMs: meanCpuMs(() => planAhead(world, blind)),
        checkMs: meanCpuMs(() => checkPlan(world, actions)),
      };
    });
    const cells = rows.map(
      ({ ms, blindMs, checkMs }) => `${ms.toFixed(1)} (${blindMs.toFixed(1)}, ${checkMs.toFixed(1)})`,
    );
    const [first, last] = [rows[0], rows.at(-1)];
    const power = first && last ? Math.log(last.ms / first.ms) / Math.log(last.size / first.size) : Number.NaN;
    console.log(`| ${shape.name} | ${cells.join(' | ')} | ${power.toFixed(2)} |`);
    const at200 = rows.find(({ size }) => size === 200)?.ms ?? 0;
    return at200 > MOST_MS_FOR_200 * (1 + (shape.running ?? 0) / 200)
      ? [`${shape.name}: a round of 200 takes ${at200.toFixed(0)} ms`]
      : [];
  });
}

/** Everything is asked for at once, of all priorities, between all hosts, 1 to 8 GB each. */
export function crowdedWorld({ hosts: count, limit, running = 0 }: Omit<Shape, 'name'>, waiting: number): World {
  const size = waiting + running;
  const names = Array.from({ length: count }, (_, at) => `compute-${String(at).padStart(3, '0')}`);
  const name = (at: number) => names[at % count] as string;
  const queue = Array.from({ length: size }, (_, at) => {
    const priority = PRIORITIES[at % 3] ?? 'medium';
    const own = queued(at + 1, { source: name(at), destination: name(at + 1 + (at % (count - 1))), priority });
    return { ...own, server: { ...own.server, memoryBytes: (1 + (at % 8)) * 1e9 } };
  });
  const dirtyWindows = [{ windowMs: 1000, bytesPerSecond: 1e6, measuredAtMs: NOW }];
  const hosts = names.map((own, at) => {
    const vms = queue
      .filter(({ source }) => source === own)
      .map(({ id, server }) => vm(id, { memoryBytes: server.memoryBytes, dirtyWindows }));
    const info = { maxConcurrentLiveMigrations: limit };
    return [own, host(own, { tx: (at % 5) * 60e6, rx: (at % 3) * 80e6, vms, info })] as const;
  });
  const policy = { ...seedPolicy(), caps: { parallelPerLink: 2 * limit } };
  const world = { nowMs: NOW, policy, queue: [], inFlight: [], hosts: new Map(hosts), previousContention: new Map() };
  const inFlight = queue.splice(waiting).map((own) => ({
    ...own,
    decision: decide(world, policy, own),
    submittedAtMs: NOW - 1000,
  }));
  return { ...world, queue, inFlight };
}
