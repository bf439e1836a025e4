import { z } from 'zod';

const Id = z.int().nonnegative();
/** Above this, seconds and Mbit/s added up would lose their last places, or overflow. */
const MOST = 1e12;
const Amount = z.number().nonnegative().max(MOST);

/** `-1` is BtrPlace's word for a link or switch that blocks nothing. */
const LinkCapacity = z
  .number()
  .refine((mbit) => mbit === -1 || (mbit > 0 && mbit <= MOST), 'is neither above 0 nor -1 (unlimited)');

const OnlineNode = z.object({
  runningVMs: z.array(Id).default([]),
  sleepingVMs: z.array(Id).default([]),
});

const Mapping = z.object({
  onlineNodes: z.record(z.string().regex(/^\d+$/), OnlineNode).default({}),
  offlineNodes: z.array(Id).default([]),
});

const VmAttributes = z.object({
  memUsed: Amount.positive().optional(),
  hotDirtySize: Amount.optional(),
  hotDirtyDuration: Amount.optional(),
  coldDirtyRate: Amount.optional(),
  // The names in the older plans.
  maxDirtySize: Amount.optional(),
  maxDirtyDuration: Amount.optional(),
  dirtyRate: Amount.optional(),
});
export type VmAttributes = z.infer<typeof VmAttributes>;

const Attributes = z.object({
  nodes: z.record(z.string(), z.object({ boot: Amount.optional(), shutdown: Amount.optional() })).default({}),
  vms: z.record(z.string(), VmAttributes).default({}),
});

export const ResourceView = z.object({
  id: z.literal('shareableResource'),
  rcId: z.string().min(1),
  defConsumption: Amount.default(0),
  defCapacity: Amount.default(0),
  nodes: z.record(z.string(), Amount).default({}),
  vms: z.record(z.string(), Amount).default({}),
});
export type ResourceView = z.infer<typeof ResourceView>;

export const NetworkView = z
  .object({
    id: z.literal('net'),
    switches: z.array(z.object({ id: Id, capacity: LinkCapacity.default(-1) })),
    links: z.array(
      z.object({
        id: Id.optional(),
        capacity: LinkCapacity.default(-1),
        switch: Id,
        physicalElement: z.object({ id: Id, type: z.enum(['node', 'switch']) }),
      }),
    ),
  })
  .superRefine(({ switches, links }, context) => {
    const known = new Set(switches.map(({ id }) => id));
    links.forEach(({ switch: above, physicalElement: { id, type } }, index) => {
      const path = ['links', index];
      const lost = [above, ...(type === 'switch' ? [id] : [])].find((one) => !known.has(one));
      if (lost === undefined) return;
      context.addIssue({ code: 'custom', path, message: `goes to switch ${lost}, which \`switches\` does not have` });
    });
  });
export type NetworkView = z.infer<typeof NetworkView>;

const Model = z.object({
  mapping: Mapping,
  attributes: Attributes.default({ nodes: {}, vms: {} }),
  views: z.array(z.looseObject({ id: z.string() })).default([]),
});
export type Model = z.infer<typeof Model>;

const Constraint = z.looseObject({ id: z.string() });
export const Fence = z.object({ id: z.literal('fence'), vm: Id, nodes: z.array(Id).min(1) });
export const Offline = z.object({ id: z.literal('offline'), node: Id });

/** An instance: what there is and what shall be. */
export const InstanceFile = z.object({ model: Model, constraints: z.array(Constraint).default([]) });

const BACKWARDS = 'ends before it has started';
const Action = z.looseObject({ id: z.string() });
export const MigrateAction = z
  .object({
    id: z.literal('migrateVM'),
    vm: Id,
    from: Id,
    to: Id,
    bw: z.number().min(1e-3).max(MOST).optional(),
    start: Amount,
    end: Amount,
  })
  .refine(({ start, end }) => end >= start, BACKWARDS)
  .refine(({ start, end }) => end !== start, 'ends at the moment at which it starts: a migration takes time');
export const NodeAction = z
  .object({ id: z.enum(['bootNode', 'shutdownNode']), node: Id, start: Amount, end: Amount })
  .refine(({ start, end }) => end >= start, BACKWARDS);

/** A plan: what there is and what was done about it. */
export const PlanFile = z.object({ origin: Model, actions: z.array(Action) });
