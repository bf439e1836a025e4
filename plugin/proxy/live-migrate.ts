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
 */
export type Verdict =
  | { kind: 'forward' }
  | { kind: 'answered'; answer: UpstreamAnswer }
  | {
      kind: 'accepted';
      /** `req-UUID`, see newRequestId. */
      requestId: string;
      /** The microversion that Nova would echo: never `latest`. */
      microversion: string;
    };

/**
 * Decides about one live migration. `forward` sends the original request to Nova byte for byte, once: every call gives
 * the same promise, and a client that goes away does not cancel it. It rejects with a ProxyError. If the handler throws,
 * the request goes to Nova unchanged, or the client gets the answer that Nova gave already.
 */
export type LiveMigrateHandler = (
  request: LiveMigrateRequest,
  forward: () => Promise<UpstreamAnswer>,
) => Promise<Verdict>;

/** A request id as oslo.middleware makes it. */
export function newRequestId(): string {
  return `req-${randomUUID()}`;
}

/** The request id of Nova's answer, which is also in the server's os-instance-actions. */
export function requestId(answer: UpstreamAnswer): string | null {
  return headerValues(answer.rawHeaders, 'x-openstack-request-id')[0] ?? null;
}

/**
 * The header of Nova's own 202 to os-migrateLive. Requests under `/v2` get no version headers
 * (nova/api/openstack/__init__.py, LegacyV2CompatibleWrapper).
 */
export function acceptedAnswer(
  verdict: { requestId: string; microversion: string },
  legacyV2: boolean,
): UpstreamAnswer {
  const versions = [
    ...['OpenStack-API-Version', `compute ${verdict.microversion}`],
    ...['X-OpenStack-Nova-API-Version', verdict.microversion],
    ...['Vary', 'OpenStack-API-Version'],
    ...['Vary', 'X-OpenStack-Nova-API-Version'],
  ];
  return {
    status: 202,
    statusMessage: 'Accepted',
    rawHeaders: [
      ...['Content-Length', '0'],
      ...['Content-Type', 'application/json'],
      ...(legacyV2 ? [] : versions),
      ...['x-openstack-request-id', verdict.requestId],
      ...['x-compute-request-id', verdict.requestId],
    ],
    body: Buffer.alloc(0),
  };
}
