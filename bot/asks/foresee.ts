import type { ServerView, WhatIfAnswer } from 'drover-plugin/contract';
import type { Request } from '../command/command.ts';
import { hintOf } from '../command/slip.ts';
import type { DroverClient } from '../drover/client.ts';
import { ControlError } from '../errors.ts';
import { approvalEndsAtMs, approvalReason } from '../rights/approval.ts';
import { lossOf } from '../rights/loss.ts';
import type { Approval, Rights } from '../rights/schema.ts';
import { outlookOf } from '../views/plan.ts';
import type { Ask } from './ask.ts';
import { movesOf } from './look.ts';

export interface Rules {
  rights: Rights;
  approval: Approval;
}

/** What a second person must agree to, and what they agree to. */
export interface Needed {
  reason: string;
  expiresAtMs: number;
  /** What would happen if it began now, in a few words each. */
  outlook: string[];
}

/** What is known of a server that is asked about. */
type Moving = Pick<ServerView, 'id' | 'name' | 'projectId' | 'host'>;

const MOST_IN_WHAT_IF = 200;

/** Null: it takes no second person. @throws ControlError */
export async function approvalOf(
  { wish }: Pick<Ask, 'wish'>,
  servers: readonly Moving[],
  { approval }: Rules,
  drover: DroverClient,
): Promise<Needed | null> {
  // Where it is to go is looked at all the same: a host that there is not is told before anything is asked for.
  if (approval.rules.length === 0 && wish.destination === null) return null;
  const answer = await whatIf(wish, servers, drover);
  const nowMs = Date.now();
  const reason = approvalReason(approval, {
    priority: wish.priority,
    foreseenPriorities: answer.migrations.flatMap(({ priority }) => priority ?? []),
    drains: wish.kind === 'drain' ? wish.host : null,
    moves: movesOf(servers, wish),
    loss: lossOf(answer),
  });
  if (reason === null) return null;
  return { reason, expiresAtMs: approvalEndsAtMs(approval, nowMs), outlook: outlookOf(answer, nowMs) };
}

/** @throws ControlError that speaks of servers by their names */
export async function whatIf(wish: Request, servers: readonly Moving[], drover: DroverClient): Promise<WhatIfAnswer> {
  const { destination, priority, deadlineAtMs } = wish;
  const migrations = servers
    .slice(0, MOST_IN_WHAT_IF)
    .map(({ id }) => ({ vm: id, destination, priority, deadlineAtMs }));
  try {
    return await drover.whatIf({ migrations });
  } catch (error) {
    if (!(error instanceof ControlError) || error.isPassing) throw error;
    const named = servers.reduce((text, { id, name }) => text.replaceAll(id, name), error.message);
    const hint = destination === null ? '' : hintOf(destination, await hostsBut(destination, drover));
    throw new ControlError(error.code, `${named}${hint}`, false, { cause: error });
  }
}

/** None where it is one of them. */
async function hostsBut(name: string, drover: DroverClient): Promise<string[]> {
  const hosts = (await drover.hosts()).map(({ host }) => host);
  return hosts.includes(name) ? [] : hosts;
}
