import type { Logger } from 'pino';
import { ProxyError } from './errors.ts';
import { headerValues } from './headers.ts';
import type { HeldRequest } from './held.ts';
import { type ActionTarget, type LiveMigrateAction, liveMigrateAction } from './intercept.ts';
import {
  acceptedAnswer,
  busyAnswer,
  type LiveMigrateHandler,
  refusedAnswer,
  type UpstreamAnswer,
  type Verdict,
} from './live-migrate.ts';

/** Hands a live migration to `onLiveMigrate` and gives the client what comes of it; every other action passes. */
export async function decideAction(
  held: HeldRequest,
  target: ActionTarget,
  onLiveMigrate: LiveMigrateHandler,
  log: Logger,
): Promise<void> {
  try {
    const action = liveMigrateAction(target, held.content);
    if (action === null) {
      held.pass();
      return;
    }
    const verdict = await ask(held, action, onLiveMigrate, log);
    const answer = await answerOf(verdict, held, target, action);
    if (answer === null) held.pass();
    else held.answer(answer);
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    held.fault(error);
  }
}

async function ask(
  held: HeldRequest,
  action: LiveMigrateAction,
  onLiveMigrate: LiveMigrateHandler,
  log: Logger,
): Promise<Verdict> {
  const { head, client } = held;
  const rawHeaders = head.fields.raw;
  try {
    return await onLiveMigrate(
      {
        ...action,
        rawBody: held.content,
        token: headerValues(rawHeaders, 'x-auth-token')[0] ?? null,
        clientAddress: client.peer.address,
        method: head.method,
        path: head.target,
        rawHeaders,
        receivedAtMs: Date.now(),
        signal: held.signal,
      },
      (mayGo) => held.forward(mayGo),
    );
  } catch (error) {
    log.error({ err: error, serverId: action.serverId }, 'live migration goes to Nova unmanaged');
    return { kind: 'forward' };
  }
}

/** Null: the request goes to Nova now. */
async function answerOf(
  verdict: Verdict,
  held: HeldRequest,
  { legacyV2 }: ActionTarget,
  { serverId }: LiveMigrateAction,
): Promise<UpstreamAnswer | null> {
  switch (verdict.kind) {
    case 'accepted':
      return acceptedAnswer(verdict, legacyV2);
    case 'busy':
      return busyAnswer(serverId, verdict, legacyV2);
    case 'refused':
      return refusedAnswer(serverId, verdict, legacyV2);
    case 'answered':
      return verdict.answer;
    case 'forward':
      // What went to Nova once must not go there again.
      return held.forwarded;
  }
}
