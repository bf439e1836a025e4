import { randomUUID } from 'node:crypto';
import { headerValues } from './headers.ts';
import type { LiveMigrateAction } from './intercept.ts';

/** Nova's complete answer to one request. */
export interface UpstreamAnswer {
  status: number;
  statusMessage: string;
  /** Names and values in turn, as they came. */
  rawHeaders: string[];
  body: Buffer;
}

/** A caller's `os-migrateLive`, as it came. */
export interface LiveMigrateRequest extends LiveMigrateAction {
  /** The bytes that Nova would get. */
  rawBody: Buffer;
  /** X-Auth-Token, null where the caller sent none. */
  token: string | null;
  clientAddress: string;
  method: string;
  /** As the client wrote it. */
  path: string;
  rawHeaders: string[];
  receivedAtMs: number;
  /** Aborted when the client goes away before its answer. */
  signal: AbortSignal;
}

/**
 * What becomes of a live migration.
 *
 * | kind     | the client gets                                                                   |
 * |----------|-----------------------------------------------------------------------------------|
 * | forward  | Nova's answer to the original request, made now with the caller's own token       |
 * | answered | this answer, which came through `forward()`                                       |
 * | accepted | a 202 as Nova writes it; the migration waits and somebody answers for it          |
 * | busy     | a 409 as Nova writes it: this server is being migrated already                    |
 * | refused  | a 409 in the same form with Drover's reason: the policy does not take it          |
 */
export type Verdict =
  | { kind: 'forward' }
  | { kind: 'answered'; answer: UpstreamAnswer }
  | ({ kind: 'accepted' | 'busy' } & VersionedAnswer)
  | ({ kind: 'refused'; message: string } & VersionedAnswer);

/** What an answer in Nova's place carries. */
export interface VersionedAnswer {
  /** `req-UUID`, see newRequestId. */
  requestId: string;
  /** The microversion that Nova would echo: never `latest`. */
  microversion: string;
}

/**
 * Decides about one live migration. `forward` sends the original request to Nova byte for byte, once: every call gives
 * the same promise, and a client that goes away does not cancel it. It rejects with a ProxyError. If the handler throws,
 * the request goes to Nova unchanged, or the client gets the answer that Nova gave already.
 */
export type LiveMigrateHandler = (request: LiveMigrateRequest, forward: Forward) => Promise<Verdict>;

/** `mayGo` is asked once more when the connection to Nova stands: false ends the request unsent. */
export type Forward = (mayGo?: () => boolean) => Promise<UpstreamAnswer>;

/** A request id as oslo.middleware makes it. */
export function newRequestId(): string {
  return `req-${randomUUID()}`;
}

/** The request id of Nova's answer, which is also in the server's os-instance-actions. */
export function requestId(answer: UpstreamAnswer): string | null {
  return headerValues(answer.rawHeaders, 'x-openstack-request-id')[0] ?? null;
}

/** The answer that Nova itself gives to a migration it takes. */
export function acceptedAnswer(verdict: VersionedAnswer, legacyV2: boolean): UpstreamAnswer {
  return {
    status: 202,
    statusMessage: 'Accepted',
    rawHeaders: [
      ...['Content-Length', '0'],
      ...['Content-Type', 'application/json'],
      ...versionHeaders(verdict, legacyV2),
      ...requestIdHeaders(verdict),
    ],
    body: Buffer.alloc(0),
  };
}

/**
 * Nova's answer for a server that is being migrated already (nova/api/openstack/common.py,
 * raise_http_conflict_for_instance_invalid_state).
 */
export function busyAnswer(serverId: string, verdict: VersionedAnswer, legacyV2: boolean): UpstreamAnswer {
  return conflict(
    `Cannot 'os-migrateLive' instance ${serverId} while it is in task_state migrating`,
    verdict,
    legacyV2,
  );
}

/** A migration that the policy refuses, in the form of Nova's own conflicts. */
export function refusedAnswer(
  serverId: string,
  verdict: VersionedAnswer & { message: string },
  legacyV2: boolean,
): UpstreamAnswer {
  return conflict(`Cannot 'os-migrateLive' instance ${serverId}: ${verdict.message}`, verdict, legacyV2);
}

function conflict(message: string, verdict: VersionedAnswer, legacyV2: boolean): UpstreamAnswer {
  const body = Buffer.from(`{"conflictingRequest": {"code": 409, "message": ${JSON.stringify(message)}}}`);
  return {
    status: 409,
    statusMessage: 'Conflict',
    rawHeaders: [
      ...versionHeaders(verdict, legacyV2),
      ...['Content-Type', 'application/json; charset=UTF-8'],
      ...['Content-Length', String(body.length)],
      ...requestIdHeaders(verdict),
    ],
    body,
  };
}

/** Requests under `/v2` get no version headers (nova/api/openstack/__init__.py, LegacyV2CompatibleWrapper). */
function versionHeaders({ microversion }: VersionedAnswer, legacyV2: boolean): string[] {
  if (legacyV2) return [];
  return [
    ...['OpenStack-API-Version', `compute ${microversion}`],
    ...['X-OpenStack-Nova-API-Version', microversion],
    ...['Vary', 'OpenStack-API-Version'],
    ...['Vary', 'X-OpenStack-Nova-API-Version'],
  ];
}

function requestIdHeaders({ requestId: id }: VersionedAnswer): string[] {
  return [...['x-openstack-request-id', id], ...['x-compute-request-id', id]];
}
