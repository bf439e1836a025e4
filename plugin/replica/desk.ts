import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Store, StoredMigration } from '../controller/store/store.ts';
import { DroverError, describeError } from '../errors.ts';
import { faultBody, ProxyError } from '../proxy/errors.ts';
import { headerValues } from '../proxy/headers.ts';
import {
  type Forward,
  type LiveMigrateHandler,
  type LiveMigrateRequest,
  newRequestId,
  type UpstreamAnswer,
  type Verdict,
} from '../proxy/live-migrate.ts';
import type { Election } from './election.ts';
import { declined, HANDOVER, type HandedOver, handOver } from './handover.ts';
import { resumption } from './resume.ts';

export interface DeskParts {
  election: Pick<Election, 'leads' | 'leader' | 'leaderlessMs' | 'databaseReachable' | 'peers' | 'changed'>;
  store: Pick<Store, 'handedOver'>;
  /** The controller's, of the present leadership. */
  handle: (request: LiveMigrateRequest, forward: () => Promise<UpstreamAnswer>, handover: string) => Promise<Verdict>;
  /** Whether it was written down that a request waits is not known: the database did not answer. */
  doubtful: (handover: string) => boolean;
  /** Nova's request id of the live migration of this VM that it took then, null where it does not tell. */
  requestIdOf: (vmUuid: string, sinceMs: number) => Promise<string | null>;
  /** PEM of the CA of the other replicas' proxies; null: the system's. */
  ca: string | null;
  log: Logger;
}

/** Without a leader for so long, requests go to Nova unchanged. */
const LEADERLESS_MS = 10_000;
/** A request that was lost with its leader waits so long for another one that knows of it. */
const LOST_WITHIN_MS = 45_000;
const ASK_AGAIN_MS = 250;

/**
 * Where a caller waits, in whatever replica it came to. The leader decides; a follower hands the request to it and keeps
 * the caller. The request has a name that the leader writes down with its record, so a follower whose leader is lost may
 * hand it to the next one: that one knows by the record whether it is new, taken, or still to be found out. A request
 * that no leader can have goes to Nova unchanged.
 */
export function createDesk(parts: DeskParts): LiveMigrateHandler {
  return (request, forward) => {
    const [handover] = headerValues(request.rawHeaders, HANDOVER);
    return handover === undefined ? ownClient(parts, request, forward) : ofFollower(parts, request, forward, handover);
  };
}

/** A request of a client of this replica. */
async function ownClient(parts: DeskParts, request: LiveMigrateRequest, forward: Forward): Promise<Verdict> {
  const { election, log } = parts;
  const handover = randomUUID();
  const once = onceBegun(parts, handover, forward);
  let lostAtMs: number | null = null;
  while (!request.signal.aborted) {
    const { leader } = election;
    if (lostAtMs !== null && performance.now() - lostAtMs > LOST_WITHIN_MS) return unknownOutcome();
    if (leader === null) {
      const asked = await askPeers(parts, request, handover);
      if (asked?.kind === 'answered') return asked;
      if (asked?.kind === 'pass') return { kind: 'forward' };
      if (asked?.kind === 'lost') lostAtMs ??= performance.now();
      const mayCome = election.databaseReachable || asked?.kind === 'again';
      if (lostAtMs === null && !(mayCome && election.leaderlessMs < LEADERLESS_MS)) {
        return leftToNova(parts, request, 'no-leader');
      }
      await election.changed(ASK_AGAIN_MS, request.signal);
      continue;
    }
    if (leader.address === null) {
      const verdict = await lead(parts, request, once, handover, lostAtMs !== null);
      if (verdict !== 'again') return verdict;
      if (parts.doubtful(handover)) lostAtMs ??= performance.now();
      await election.changed(ASK_AGAIN_MS, request.signal);
      continue;
    }
    const handed = await whileLeads(election, leader.fence, request.signal, (signal) =>
      handOver(leader.address ?? '', parts.ca, request, handover, signal),
    );
    if (handed.kind === 'answered') return handed;
    // Only a leader that knows all of its requests says so: an earlier one that was lost has not got it either.
    if (handed.kind === 'pass') return { kind: 'forward' };
    if (handed.kind === 'lost') {
      lostAtMs ??= performance.now();
      log.warn({ vm: request.serverId, leader: leader.name, error: handed.why }, 'a leader was lost with a request');
    } else if (lostAtMs === null && !election.databaseReachable) return leftToNova(parts, request, 'database-gone');
    await election.changed(ASK_AGAIN_MS, request.signal);
  }
  return { kind: 'forward' };
}

/**
 * A request that a follower hands over. What this replica does not do it says, and does not send it to Nova by itself:
 * the follower may have given up on it meanwhile.
 */
async function ofFollower(
  parts: DeskParts,
  request: LiveMigrateRequest,
  forward: Forward,
  handover: string,
): Promise<Verdict> {
  const once = onceBegun(parts, handover, forward);
  const say = (word: Parameters<typeof declined>[0]): Verdict => ({ kind: 'answered', answer: declined(word) });
  if (parts.election.leader?.address !== null) return say('again');
  try {
    const verdict = await lead(parts, request, once, handover, true);
    if (verdict === 'again') return say(parts.doubtful(handover) ? 'unknown' : 'again');
    return verdict.kind === 'forward' && !once.begun() ? say('pass') : verdict;
  } catch (error) {
    parts.log.error({ vm: request.serverId, error: describeError(error) }, 'live migration goes to Nova unmanaged');
    return say('pass');
  }
}

/** Has this replica decide. `again`: it leads no more, and has not asked Nova. */
async function lead(
  parts: DeskParts,
  request: LiveMigrateRequest,
  once: { forward: () => Promise<UpstreamAnswer>; begun: () => boolean },
  handover: string,
  maybeKnown: boolean,
): Promise<Verdict | 'again'> {
  const { election, handle, doubtful } = parts;
  const fence = election.leader?.fence;
  try {
    const known = maybeKnown ? await resumed(parts, request, handover) : 'anew';
    if (known !== 'anew') return known;
    const verdict = await handle(request, once.forward, handover);
    if (verdict.kind !== 'forward' || once.begun()) return verdict;
    // A leader that is deposed lets its callers go.
    const stillLeads = election.leads() && election.leader?.fence === fence;
    return stillLeads && !doubtful(handover) ? verdict : 'again';
  } catch (error) {
    // What has gone to Nova is answered by Nova.
    if (once.begun()) return { kind: 'forward' };
    if (!election.leads() || (error instanceof DroverError && error.code === 'not-leader')) return 'again';
    throw error;
  }
}

/** What became of the request under an earlier leader. */
async function resumed(
  { store, election, requestIdOf, log }: DeskParts,
  request: LiveMigrateRequest,
  handover: string,
): Promise<Verdict | 'again' | 'anew'> {
  for (;;) {
    const record = await store.handedOver(handover);
    const standing = resumption(record);
    if (standing === 'anew' || record === null) return 'anew';
    if (standing === 'taken') {
      log.info({ migration: record.id, vm: record.vmName }, 'answers for a leader that was lost');
      return accepted(record, await requestIdOf(record.vmUuid, record.submittedAtMs ?? record.receivedAtMs));
    }
    if (!election.leads() || request.signal.aborted) return 'again';
    await sleep(ASK_AGAIN_MS);
  }
}

/** Of one that was deferred the 202 is Drover's own, of another one Nova's. */
function accepted(record: StoredMigration, ofNova: string | null): Verdict {
  const { microversion, requestId } = record.request;
  const own = requestId ?? newRequestId();
  return { kind: 'accepted', requestId: record.deferred ? own : (ofNova ?? own), microversion };
}

/** Until the request is answered or another one leads. */
async function whileLeads(
  election: DeskParts['election'],
  fence: number,
  gone: AbortSignal,
  work: (signal: AbortSignal) => Promise<HandedOver>,
): Promise<HandedOver> {
  const ended = new AbortController();
  const handed = work(AbortSignal.any([ended.signal, gone])).finally(() => ended.abort());
  while (!ended.signal.aborted) {
    await election.changed(60_000, ended.signal);
    const { leader } = election;
    if (leader !== null && leader.fence !== fence) ended.abort();
  }
  return handed;
}

/** Where the database is out of reach: one of the others may lead. Null: none of them is there. */
async function askPeers(
  { election, ca }: DeskParts,
  request: LiveMigrateRequest,
  handover: string,
): Promise<HandedOver | null> {
  if (election.databaseReachable) return null;
  let best: HandedOver | null = null;
  for (const peer of election.peers) {
    const handed = await handOver(peer, ca, request, handover, request.signal);
    if (handed.kind === 'again') best = handed;
    else if (handed.kind !== 'not-reached') return handed;
  }
  return best;
}

function leftToNova({ log }: DeskParts, request: LiveMigrateRequest, reason: string): Verdict {
  log.error({ vm: request.serverId, reason }, 'live migration goes to Nova unmanaged');
  return { kind: 'forward' };
}

/** Nobody may ask Nova a second time, and nobody can say what became of the first. */
function unknownOutcome(): Verdict {
  const text = 'The request may have been carried out. Look at the migrations of the server before asking again.';
  const error = new ProxyError('upstream-interrupted', text);
  const body = Buffer.from(faultBody(error));
  const rawHeaders = ['Content-Type', 'application/json; charset=UTF-8', 'Content-Length', String(body.length)];
  return { kind: 'answered', answer: { status: error.status, statusMessage: 'Bad Gateway', rawHeaders, body } };
}

/**
 * The caller's own request, which goes to Nova while this replica leads, and not while it may have been written down that
 * it waits: then the leader makes it later.
 */
function onceBegun({ election, doubtful }: DeskParts, handover: string, forward: Forward) {
  let begun = false;
  return {
    begun: () => begun,
    /** Throws at once where nothing is sent. */
    forward: () => {
      if (!begun && (!election.leads() || doubtful(handover))) {
        throw new ProxyError('upstream-unreachable', 'It is not for this replica to ask Nova.');
      }
      begun = true;
      return forward(() => election.leads());
    },
  };
}
