import { Priority } from 'drover-plugin/contract';
import { z } from 'zod';
import { Amount } from './amount.ts';

const glob = z.string().min(1).max(255);
const globs = z.array(glob).min(1).default(['*']);
/** Slack's ids (docs.slack.dev, conversations and users): never names, which people change. */
const UserId = z.string().regex(/^[UW][A-Z0-9]{2,20}$/, "a Slack user id, as U012AB3CD: the profile's menu copies it");
const GroupId = z
  .string()
  .regex(/^S[A-Z0-9]{2,20}$/, 'the id of a Slack user group, as S0123ABCD: it stands in its address');

/** What some people may do. One entry must allow the whole of it; several entries of one person add up. */
export const Grant = z
  .strictObject({
    /** Of other workspaces, too, where a channel is shared with them (Slack Connect). */
    users: z.array(UserId).default([]),
    /** User groups of Slack. */
    groups: z.array(GroupId).default([]),
    /** Every member of the workspace, guests too; nobody of another one. */
    everyone: z.boolean().default(false),
    /** Which priorities they may ask for. Empty: they may only look. */
    priorities: z.array(Priority).default([]),
    /** Ids of projects whose servers they may move, as globs. */
    projects: globs,
    /** Hosts that servers may leave and may be sent to, as globs. */
    hosts: globs,
    /** May empty such a host. */
    drain: z.boolean().default(false),
    /** May cancel what others asked for, and change its priority. */
    others: z.boolean().default(false),
    /** May approve what others ask for of these priorities, projects and hosts. */
    approve: z.boolean().default(false),
  })
  .refine(
    ({ users, groups, everyone }) => everyone || users.length + groups.length > 0,
    'whom? users, groups or everyone',
  )
  .refine(({ approve, priorities }) => !approve || priorities.length > 0, {
    path: ['priorities'],
    error: 'which priorities may they approve?',
  });
export type Grant = z.infer<typeof Grant>;

/** `rights` of the configuration. Nobody may do what no entry allows. */
export const Rights = z.array(Grant).default([]);
export type Rights = z.infer<typeof Rights>;

const Rule = z
  .strictObject({
    /** Only asks of these priorities. Absent: of any. */
    priorities: z.array(Priority).min(1).optional(),
    /** Workloads would lose more than this: `20 %` of what one link carries meanwhile, or `5 Gbit` on all links. */
    lossAbove: Amount.optional(),
    /** More than so many servers at once. */
    serversAbove: z.number().int().min(0).optional(),
    /** Only drains of a host. */
    drain: z.literal(true).optional(),
    /** Only where a server leaves one of these hosts or is sent to one, as globs. */
    hosts: z.array(glob).min(1).optional(),
  })
  .refine((rule) => Object.keys(rule).length > 0, 'an empty rule would hold for everything: name a priority at least');
export type Rule = z.infer<typeof Rule>;

/** `approval` of the configuration: what a second person must agree to. */
export const Approval = z
  .strictObject({
    /** What needs it: all parts of one rule hold. */
    rules: z.array(Rule).default([{ priorities: ['high'], lossAbove: { share: 0.2 } }]),
    /** Those who may approve an ask are mentioned in its message, which notifies them; else they are only named. */
    mention: z.boolean().default(false),
    /** An ask that nobody has approved by then is refused, minutes. */
    expiresAfterMinutes: z
      .number()
      .positive()
      .max(24 * 60)
      .default(30),
  })
  .prefault({});
export type Approval = z.infer<typeof Approval>;
