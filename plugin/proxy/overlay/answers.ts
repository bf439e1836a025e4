import type { UpstreamAnswer } from '../live-migrate.ts';
import { pythonJson } from './views.ts';

/** Nova's answer with another document in it: the fields of its header stay. */
export function withDocument(answer: UpstreamAnswer, document: unknown): UpstreamAnswer {
  return withBody(answer, 200, 'OK', 'application/json', pythonJson(document));
}

/** What Nova answers to an abort that it takes. */
export function abortTaken(answer: UpstreamAnswer): UpstreamAnswer {
  return withBody(answer, 202, 'Accepted', 'application/json', '');
}

/** Nova's answer for a migration that cannot be aborted or forced now (nova/exception.py, InvalidMigrationState). */
export function wrongState(
  answer: UpstreamAnswer,
  migration: { apiId: number; serverId: string; status: string },
  method: 'abort live migration' | 'force complete',
): UpstreamAnswer {
  const { apiId, serverId, status } = migration;
  const message = `Migration ${apiId} state of instance ${serverId} is ${status}. Cannot ${method} while the migration is in this state.`;
  const fault = pythonJson({ badRequest: { code: 400, message } });
  return withBody(answer, 400, 'Bad Request', 'application/json; charset=UTF-8', fault);
}

function withBody(
  answer: UpstreamAnswer,
  status: number,
  statusMessage: string,
  contentType: string,
  text: string,
): UpstreamAnswer {
  const body = Buffer.from(text);
  const replaced = new Set(['content-length', 'content-type', 'transfer-encoding']);
  const kept = answer.rawHeaders.flatMap((name, i) =>
    i % 2 === 0 && !replaced.has(name.toLowerCase()) ? [name, answer.rawHeaders[i + 1] ?? ''] : [],
  );
  return {
    status,
    statusMessage,
    rawHeaders: ['Content-Length', String(body.length), 'Content-Type', contentType, ...kept],
    body,
  };
}
