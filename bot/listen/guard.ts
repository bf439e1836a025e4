import type { IncomingMessage, RequestListener } from 'node:http';

/** As Slack's own advice and Bolt have it, but for both ways: Bolt takes what is stamped a year ahead. */
const WINDOW_MS = 5 * 60_000;
const AHEAD_MS = 60_000;

/** Why a request is turned away before its signature is looked at; null: it may go on. Pure. */
export function stampFault(stamp: string | undefined, nowMs: number): 'stale' | 'future' | 'no-stamp' | null {
  if (stamp === undefined || !/^\d{1,12}$/.test(stamp)) return 'no-stamp';
  const ageMs = nowMs - Number(stamp) * 1000;
  if (ageMs > WINDOW_MS) return 'stale';
  return ageMs < -AHEAD_MS ? 'future' : null;
}

/**
 * Stands before Bolt's receiver, which takes the same signed request twice: what is stamped outside the window, or was
 * taken before byte for byte, gets 401.
 *
 * @param wasTaken whether that signature was on a request that was taken
 */
export function guarded(
  listener: RequestListener,
  wasTaken: (signature: string) => boolean,
  refused: (why: string, request: IncomingMessage) => void,
): RequestListener {
  return (request, response) => {
    const stamp = request.headers['x-slack-request-timestamp'];
    const signature = request.headers['x-slack-signature'];
    const turnAway = (why: string) => {
      refused(why, request);
      response.writeHead(401).end();
    };
    const fault = stampFault(typeof stamp === 'string' ? stamp : undefined, Date.now());
    if (fault !== null) return turnAway(fault);
    if (typeof signature !== 'string') return turnAway('no-signature');
    if (wasTaken(signature)) return turnAway('replayed');
    listener(request, response);
  };
}
