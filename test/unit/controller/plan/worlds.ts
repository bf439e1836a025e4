import { readFileSync } from 'node:fs';
import type { HostInfo, HostSample, VmSample } from 'drover-hostd/contract';
import { ordinaryInfo, ordinarySample, ordinaryVm, workloadRates } from '../../../../plugin/cli/ordinary.ts';
import type { Decision, Priority, Strategy } from '../../../../plugin/contract.ts';
import type { InFlightMigration, QueuedMigration, World, WorldHost } from '../../../../plugin/controller/plan/world.ts';
import { parsePolicy } from '../../../../plugin/policy/load.ts';
import type { Policy } from '../../../../plugin/policy/schema.ts';

export const NOW = 1_800_000_000_000;
export const LINK = 500e6;
export const SHAPEABLE = 480e6;

/** The shipped policy, with other values where a test wants them. */
export function seedPolicy(change: Partial<Policy> = {}): Policy {
  return { ...seed, ...change };
}

const seed = readSeed();

function readSeed(): Policy {
  const file = new URL('../../../../policies/seed.yaml', import.meta.url);
  const parsed = parsePolicy(readFileSync(file, 'utf8'), 'seed.yaml');
  if ('errors' in parsed) throw new Error(`seed.yaml: ${JSON.stringify(parsed.errors)}`);
  return parsed.policy;
}

export function vmUuid(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
}

export function vm(index: number, change: Partial<VmSample> = {}): VmSample {
  return { ...ordinaryVm(vmUuid(index), `instance-${index}`, 160e6), ...change };
}

interface HostChange {
  /** Workload, bit/s. */
  tx?: number;
  rx?: number;
  vms?: VmSample[];
  info?: Partial<HostInfo>;
  ageMs?: number;
  reachable?: boolean;
  linkLostAtMs?: number | null;
  reserved?: Partial<HostSample['reserved']>;
}

export function host(name: string, change: HostChange = {}): WorldHost {
  const {
    tx = 0,
    rx = 0,
    vms = [],
    info = {},
    ageMs = 500,
    reachable = true,
    linkLostAtMs = null,
    reserved = {},
  } = change;
  const ordinary = ordinarySample(name, NOW, workloadRates(tx, rx), vms);
  const sample: HostSample = { ...ordinary, reserved: { ...ordinary.reserved, ...reserved } };
  return {
    info: { ...ordinaryInfo(name, LINK), shapeableBitsPerSecond: SHAPEABLE, ...info },
    sample,
    sampleAtMs: NOW - ageMs,
    linkLostAtMs,
    reachable,
  };
}

/** A request that has waited 2 s. Its VM has the same number. */
export function queued(id: number, change: Partial<QueuedMigration> & { priority?: Priority } = {}): QueuedMigration {
  const { priority, ...rest } = change;
  return {
    id,
    vmUuid: vmUuid(id),
    source: 'compute-1',
    destination: 'compute-2',
    receivedAtMs: NOW - 2000,
    server: {
      name: `vm-${id}`,
      projectId: 'p',
      flavorName: 'm1',
      memoryBytes: 160e6,
      metadata: priority ? { 'drover:priority': priority } : {},
    },
    ...rest,
  };
}

export function flying(
  id: number,
  change: { priority?: Priority; strategy?: Strategy; source?: string; destination?: string | null } & Partial<
    Pick<InFlightMigration, 'decision'>
  > = {},
): InFlightMigration {
  const { priority = 'medium', strategy = 'parallel', source = 'compute-1', destination = 'compute-2' } = change;
  const decision: Decision = {
    priority,
    priorityReason: { code: 'priority-default', text: '' },
    classification: null,
    technique: 'pre-copy',
    strategy,
    reasons: [],
    alternatives: [],
    strategyAlternatives: [],
    prediction: null,
    features: null,
    reservation: { sourceTx: null, destinationRx: null },
    reservationChoices: { sourceTx: null, destinationRx: null },
    maxDowntimeMs: 300,
    policy: 'seed.yaml@00000000',
  };
  return { id, vmUuid: vmUuid(id), source, destination, decision, ...change };
}

/** Two idle hosts with the VMs of the queue on compute-1, unless `hosts` says otherwise. */
export function world(change: Partial<Omit<World, 'hosts'>> & { hosts?: Record<string, WorldHost> } = {}): World {
  const { hosts, ...rest } = change;
  const vms = (rest.queue ?? []).map(({ id }) => vm(id));
  const all = hosts ?? { 'compute-1': host('compute-1', { vms }), 'compute-2': host('compute-2') };
  return {
    nowMs: NOW,
    policy: seedPolicy(),
    queue: [],
    inFlight: [],
    previousContention: new Map(),
    ...rest,
    hosts: new Map(Object.entries(all)),
  };
}
