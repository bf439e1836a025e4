import { headerValues } from '../../headers.ts';
import type { UpstreamAnswer } from '../../live-migrate.ts';
import { objectsOf, type PlacedObject, type Span } from './members.ts';

/** What Nova makes of both while a server's task is `migrating` (nova/api/openstack/common.py, _STATE_MAP). */
const BECOMES_MIGRATING = ['"ACTIVE"', '"PAUSED"'];
const TASK_STATE = 'OS-EXT-STS:task_state';
/** With one of these the answer is not, or not only, the document as text. */
const TELLS_OF_BYTES = ['content-encoding', 'content-range', 'content-md5', 'digest', 'etag'];

/**
 * Nova's answer with these servers as Nova shows those whose migration it has accepted: `status` MIGRATING and
 * `OS-EXT-STS:task_state` migrating, where the answer has these members. Nothing else in it is touched; the very answer
 * comes back where there is nothing to be changed, and on any doubt.
 *
 * | Nova shows of a server that waits      | becomes                 |
 * |----------------------------------------|-------------------------|
 * | ACTIVE or PAUSED, without a task       | MIGRATING, migrating    |
 * | ACTIVE or PAUSED, with a task          | as it is: that task is what is done to it now |
 * | anything else (MIGRATING, SHUTOFF, …)  | as it is                |
 *
 * Not covered: `updated`, which Nova would set to the moment of the request (and so `changes-since`); `progress`, which
 * Nova shows of one that is MIGRATING and not of one that is PAUSED; order by `sort_key=task_state`.
 *
 * @param migrating ids of servers, in lower case
 */
export function shownMigrating(
  answer: UpstreamAnswer,
  collection: 'server' | 'servers',
  migrating: ReadonlySet<string>,
): UpstreamAnswer {
  const { status, rawHeaders, body } = answer;
  if (status !== 200 || TELLS_OF_BYTES.some((name) => headerValues(rawHeaders, name).length > 0)) return answer;
  // A look at the bytes alone, before anything is parsed.
  if (![...migrating].some((id) => body.includes(id))) return answer;
  if (!isJson(body)) return answer;
  // A letter for each byte: what is not changed is the same byte again.
  const text = body.toString('latin1');
  const objects = objectsOf(text, collection);
  if (objects.some(({ repeated }) => repeated)) return answer;
  const edits = objects.flatMap((object) => editsOf(text, object, migrating));
  return edits.length === 0 ? answer : withText(answer, replaced(text, edits));
}

/** The answer with another body, a letter for each byte; its header in its order and case, with that body's length. */
export function withText(answer: UpstreamAnswer, text: string): UpstreamAnswer {
  const { rawHeaders } = answer;
  const body = Buffer.from(text, 'latin1');
  const isLength = (i: number) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === 'content-length';
  return { ...answer, rawHeaders: rawHeaders.map((value, i) => (isLength(i) ? String(body.length) : value)), body };
}

interface Edit extends Span {
  text: string;
}

function editsOf(text: string, { members }: PlacedObject, migrating: ReadonlySet<string>): Edit[] {
  const at = (name: string) => members.get(name);
  const written = (span: Span | undefined) => (span ? text.slice(span.from, span.to) : undefined);
  const id = written(at('id'))?.slice(1, -1).toLowerCase();
  const [status, task] = [at('status'), at(TASK_STATE)];
  if (id === undefined || !migrating.has(id) || !status) return [];
  if (!BECOMES_MIGRATING.includes(written(status) ?? '') || (task && written(task) !== 'null')) return [];
  return [{ ...status, text: '"MIGRATING"' }, ...(task ? [{ ...task, text: '"migrating"' }] : [])];
}

function replaced(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const edit of edits.toSorted((a, b) => a.from - b.from)) {
    parts.push(text.slice(from, edit.from), edit.text);
    from = edit.to;
  }
  return parts.join('') + text.slice(from);
}

export function isJson(body: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
    return true;
  } catch {
    return false;
  }
}
