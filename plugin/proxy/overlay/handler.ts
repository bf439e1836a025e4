import type { UpstreamAnswer } from '../live-migrate.ts';
import { isAtLeast } from '../microversion.ts';
import { abortTaken, withDocument, wrongState } from './answers.ts';
import { migrationsIn, viewerOf } from './document.ts';
import { overlayId } from './identity.ts';
import { list } from './list.ts';
import { answeredMicroversion, isForceComplete, provesRight } from './proof.ts';
import type { Ask, MigrationsRequest, MigrationsSource, MigrationsVerdict } from './request.ts';
import { notYetNovas } from './select.ts';
import { type MigrationsTarget, withMigrationId } from './target.ts';
import { serverView, type WaitingMigration } from './views.ts';

const PASS: MigrationsVerdict = { kind: 'pass', path: null };

/**
 * Shows the migrations that wait where Nova's users look for them, and lets them be aborted there. Nova always answers
 * first, to the caller's own token: it decides who may and in which form; a caller who is refused reads Nova's words.
 *
 * @throws ProxyError where Nova does not answer
 */
export async function handleMigrations(
  request: MigrationsRequest,
  ask: Ask,
  source: MigrationsSource,
): Promise<MigrationsVerdict> {
  const { target } = request;
  if (target.kind === 'all') return list(request, ask, source);
  const waiting = await source.waiting(target.serverId);
  if (target.kind === 'server') {
    return waiting.length === 0 ? PASS : { kind: 'answer', answer: await ofServer(request, ask, waiting) };
  }
  const one = waiting.find(({ id }) => id === target.record);
  if (one) return { kind: 'answer', answer: await ofOne(request, target, ask, one, source) };
  // Seen while it waited, Nova's by now: its old id still leads to it.
  const novaId = await source.novaId(target.record, target.serverId);
  const apiId = overlayId(target.record);
  if (novaId === null || apiId === null) return PASS;
  return { kind: 'pass', path: withMigrationId(request.path, apiId, novaId) };
}

/** GET /servers/{id}/migrations: Nova lists by id, and these have the highest. */
async function ofServer(request: MigrationsRequest, ask: Ask, waiting: WaitingMigration[]): Promise<UpstreamAnswer> {
  const answer = await ask();
  const document = migrationsIn(answer);
  if (!document) return answer;
  const { migrations } = document;
  const added = notYetNovas(waiting, migrations);
  if (added.length === 0) return answer;
  const viewer = await viewerOf(request, ask, answer, migrations, added);
  return withDocument(answer, {
    ...document,
    migrations: [...migrations, ...added.map((one) => serverView(one, viewer))],
  });
}

async function ofOne(
  request: MigrationsRequest,
  target: Extract<MigrationsTarget, { record: number }>,
  ask: Ask,
  one: WaitingMigration,
  source: MigrationsSource,
): Promise<UpstreamAnswer> {
  const { kind, serverId, record } = target;
  const apiId = overlayId(record);
  const answer = await ask();
  if (apiId === null || !provesRight(kind, apiId, answer)) return answer;
  const microversion = answeredMicroversion(answer);
  if (kind === 'show') {
    // Nova has no policy that hides hosts here.
    const view = serverView(one, { microversion, seesHosts: true, base: '' });
    return withDocument(answer, { migration: view });
  }
  if (kind === 'force' && !isForceComplete(request.body ?? new Uint8Array())) return answer;
  if (!(await source.stateAllows(kind, request.token, serverId))) return answer;
  const seen = { apiId, serverId, status: one.status };
  if (kind === 'force') return wrongState(answer, seen, 'force complete');
  // Below 2.65 Nova aborts only what runs.
  if (!isAtLeast(microversion, '2.65')) return wrongState(answer, seen, 'abort live migration');
  if (await source.abort(record, request.token)) return abortTaken(answer);
  return wrongState(answer, { ...seen, status: 'accepted' }, 'abort live migration');
}
