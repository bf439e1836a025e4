import { headerValues } from '../headers.ts';
import { parseUnambiguousJson } from '../json.ts';
import type { UpstreamAnswer } from '../live-migrate.ts';
import type { MigrationsTarget } from './target.ts';

/**
 * Whether Nova's own answer to the caller's own request, which names an id that Nova does not have, shows that the
 * caller may do this. Nova looks for the server first, then asks its policy, and only then looks at the server's state
 * and for the migration (nova/api/openstack/compute/server_migrations.py): an answer about state or migration was given
 * to somebody who has the right, and has changed nothing.
 *
 * | request | Nova says                                                      | may |
 * |---------|----------------------------------------------------------------|-----|
 * | show    | 404 that names the migration                                   | yes |
 * | abort   | 409 (not being migrated, or locked), 404 that names the migration | yes |
 * | force   | 409, 400 that names the migration                              | yes |
 * | any     | 401, 403, 404 of the server or of the microversion, 5xx, ...   | no  |
 *
 * Messages may be translated; the id in them is not.
 */
export function provesRight(kind: MigrationsTarget['kind'], apiId: number, answer: UpstreamAnswer): boolean {
  if (kind === 'show') return answer.status === 404 && names(answer, apiId);
  if (kind === 'abort') return answer.status === 409 || (answer.status === 404 && names(answer, apiId));
  return kind === 'force' && (answer.status === 409 || (answer.status === 400 && names(answer, apiId)));
}

function names(answer: UpstreamAnswer, apiId: number): boolean {
  return new RegExp(`\\b${apiId}\\b`).test(faultText(answer));
}

function faultText({ body }: UpstreamAnswer): string {
  const document = parseUnambiguousJson(body);
  if (typeof document !== 'object' || document === null) return '';
  const [fault] = Object.values(document);
  return typeof fault?.message === 'string' ? fault.message : '';
}

/** The microversion that Nova says it answered in; `2.1` where it names none (the legacy API). */
export function answeredMicroversion(answer: UpstreamAnswer): string {
  const standard = headerValues(answer.rawHeaders, 'openstack-api-version')[0];
  const named = /^compute\s+(\d+\.\d+)$/.exec(standard ?? '')?.[1];
  return named ?? headerValues(answer.rawHeaders, 'x-openstack-nova-api-version')[0] ?? '2.1';
}

/** Exactly `{"force_complete": null}`: anything else Nova refuses before it asks its policy. */
export function isForceComplete(body: Uint8Array): boolean {
  const document = parseUnambiguousJson(body);
  return JSON.stringify(document) === '{"force_complete":null}';
}
