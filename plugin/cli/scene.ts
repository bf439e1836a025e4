import type { VmSample } from 'drover-hostd/contract';
import { z } from 'zod';
import type { QueuedMigration, World, WorldHost } from '../controller/plan/world.ts';
import { DEADLINE_KEY } from '../policy/deadline.ts';
import { oneOrMany, Text } from '../policy/schema/words.ts';
import type { Policy } from '../policy/schema.ts';
import { type Amount, amountOn, Bandwidth, Duration, Memory } from '../policy/units.ts';
import { ordinaryInfo, ordinarySample, ordinaryVm, workloadRates } from './ordinary.ts';

/** A Monday noon: cases that name no time must not change with the day on which they are run. */
const SOME_TIME = Date.parse('2026-01-05T12:00:00Z');
const NONE: Amount = { kind: 'rate', bitsPerSecond: 0 };
const GIGABIT = 1e9;
const GIBIBYTE = 2 ** 30;
const VM_UUID = '00000000-0000-4000-8000-000000000001';

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/;

/** Date.parse takes 30 February for 2 March. */
function isDay(text: string): boolean {
  return new Date(`${text}T00:00Z`).toISOString().startsWith(text);
}

/** `2026-11-24T22:30:00+01:00`; without its zone a time could mean several moments. */
export const Moment = z
  .string({ error: 'is not a moment: write it like 2026-11-24T22:30:00+01:00' })
  .refine((text) => MOMENT.test(text) && !Number.isNaN(Date.parse(text)) && isDay(text.slice(0, 10)), {
    error: 'is not a moment: write it with its zone, like 2026-11-24T22:30:00+01:00 or 2026-11-24T21:30:00Z',
  })
  .transform((text) => Date.parse(text));

/** `30 min` counts from the case's own time. */
const MomentOrDuration = z.unknown().transform((text, context) => {
  const [moment, after] = [Moment.safeParse(text), Duration.safeParse(text)];
  if (moment.success) return { atMs: moment.data };
  if (after.success) return { afterMs: after.data };
  const message = 'is neither a time like 30 min nor a moment like 2026-11-24T22:30:00+01:00: write one of them';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const Traffic = { sends: Bandwidth.optional(), receives: Bandwidth.optional() };

const SceneHost = z.strictObject({
  name: Text.optional(),
  nic: Text.optional(),
  /** Rate of the link; 1 Gbit. */
  link: Bandwidth.refine((amount) => amount.kind === 'rate' && amount.bitsPerSecond > 0, {
    error: 'the link is a rate, like 10 Gbit',
  }).optional(),
  /** Workload traffic of the whole host, as a rate or a share of the link. */
  ...Traffic,
  postCopy: z.boolean().optional(),
  /** Age of the newest sample. */
  sampleAge: Duration.optional(),
});
type SceneHost = z.infer<typeof SceneHost>;

/** What is given: a server, where it is and goes, and the traffic there. What is left out is ordinary and calm. */
export const Scene = z
  .strictObject({
    vm: z
      .strictObject({
        name: Text.optional(),
        project: Text.optional(),
        flavor: Text.optional(),
        image: Text.optional(),
        zone: Text.optional(),
        metadata: z.record(Text, Text).optional(),
        /** Roles of who asks. */
        role: oneOrMany(Text).optional(),
        memory: Memory.optional(),
        /** Memory dirtied per second; not measured unless given. */
        dirties: Memory.optional(),
        ...Traffic,
        paused: z.boolean().optional(),
        /** What keeps QEMU from post-copy, in hostd's words. */
        blockers: z.array(Text).optional(),
      })
      .default({}),
    /** The other VMs of the source, for fuzzy clustering. */
    others: z.array(z.strictObject(Traffic)).default([]),
    source: SceneHost.default({}),
    destination: SceneHost.default({}),
    at: Moment.default(SOME_TIME),
    /** When it must have ended, as its owner would write it to the server's metadata. */
    deadline: MomentOrDuration.optional(),
  })
  .refine(({ vm, deadline }) => deadline === undefined || vm.metadata?.[DEADLINE_KEY] === undefined, {
    path: ['deadline'],
    error: `stands in the metadata as ${DEADLINE_KEY} too: delete one`,
  })
  .refine(({ source, destination }) => nameOf(source, 'source') !== nameOf(destination, 'destination'), {
    path: ['destination'],
    error: 'is the source itself: name another host, or none',
  });
export type Scene = z.infer<typeof Scene>;

/** The world that a scene describes, with its one migration. */
export function stage(scene: Scene, policy: Policy): { world: World; migration: QueuedMigration } {
  const { vm, others, source, destination, at, deadline } = scene;
  const [from, to] = [nameOf(source, 'source'), nameOf(destination, 'destination')];
  const link = linkOf(source);
  const memoryBytes = vm.memory ?? GIBIBYTE;
  const own = vmSample(1, link, vm);
  const vms = [
    { ...own, memoryBytes, ...dirtyingOf(vm.dirties, at), postCopyBlockers: vm.blockers ?? [] },
    ...others.map((other, index) => vmSample(index + 2, link, other)),
  ];
  const migration: QueuedMigration = {
    id: 1,
    vmUuid: VM_UUID,
    source: from,
    destination: to,
    // Before its batch window.
    receivedAtMs: at - policy.batchWindowMs,
    paused: vm.paused ?? false,
    server: {
      name: vm.name ?? 'vm',
      projectId: vm.project ?? 'project',
      flavorName: vm.flavor ?? 'flavor',
      metadata: { ...vm.metadata, ...(deadline && { [DEADLINE_KEY]: deadlineText(deadline, at) }) },
      imageId: vm.image ?? null,
      availabilityZone: vm.zone ?? null,
      requesterRoles: vm.role ?? [],
      memoryBytes,
    },
  };
  const hosts = new Map([
    [from, hostOf(from, source, at, vms)],
    [to, hostOf(to, destination, at, [])],
  ]);
  return {
    world: { nowMs: at, policy, queue: [migration], inFlight: [], hosts, previousContention: new Map() },
    migration,
  };
}

function deadlineText(deadline: { atMs: number } | { afterMs: number }, at: number): string {
  return new Date('atMs' in deadline ? deadline.atMs : at + deadline.afterMs).toISOString();
}

function nameOf({ name }: SceneHost, otherwise: string): string {
  return name ?? otherwise;
}

/** What hostd would measure: a window of a second is what predictions read (model/dirty.ts). */
function dirtyingOf(
  bytesPerSecond: number | undefined,
  at: number,
): Pick<VmSample, 'dirtyBytesPerSecond' | 'dirtyWindows'> {
  return bytesPerSecond === undefined
    ? { dirtyBytesPerSecond: null, dirtyWindows: [] }
    : { dirtyBytesPerSecond: bytesPerSecond, dirtyWindows: [{ windowMs: 1000, bytesPerSecond, measuredAtMs: at }] };
}

export function linkOf({ link }: SceneHost): number {
  return link ? amountOn(link, GIGABIT) : GIGABIT;
}

function vmSample(
  index: number,
  link: number,
  { sends, receives }: { sends?: Amount | undefined; receives?: Amount | undefined },
): VmSample {
  return {
    ...ordinaryVm(`${VM_UUID.slice(0, -4)}${String(index).padStart(4, '0')}`, `instance-${index}`, GIBIBYTE),
    txBitsPerSecond: amountOn(sends ?? NONE, link),
    rxBitsPerSecond: amountOn(receives ?? NONE, link),
  };
}

function hostOf(name: string, host: SceneHost, at: number, vms: VmSample[]): WorldHost {
  const link = linkOf(host);
  // The host carries at least what its VMs do.
  const sum = (rate: (vm: VmSample) => number) => vms.reduce((total, vm) => total + rate(vm), 0);
  const tx = host.sends ? amountOn(host.sends, link) : sum((vm) => vm.txBitsPerSecond);
  const rx = host.receives ? amountOn(host.receives, link) : sum((vm) => vm.rxBitsPerSecond);
  const ordinary = ordinaryInfo(name, link);
  return {
    info: {
      ...ordinary,
      nic: host.nic ?? ordinary.nic,
      postCopy: { permitted: host.postCopy ?? true, reason: host.postCopy === false ? 'given' : '' },
    },
    sample: { ...ordinarySample(name, at, workloadRates(tx, rx), vms), ageMs: host.sampleAge ?? 0 },
    sampleAtMs: at,
    linkLostAtMs: null,
    reachable: true,
  };
}
